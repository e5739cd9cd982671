/** What every use-case of the control host works with. */
import { join } from "node:path";
import type { ControllerConfig } from "../core/controller-config.ts";
import type { Log } from "../core/log-line.ts";

export interface Controller {
  readonly config: ControllerConfig;
  readonly log: Log;
  readonly now: () => Date;
}

/** Places below ca_dir and state_dir (PROTOCOL section 4). */
export function paths({ ca_dir, state_dir }: ControllerConfig) {
  return {
    caKey: join(ca_dir, "ca.key"),
    caCert: join(ca_dir, "ca.crt"),
    agents: join(state_dir, "agents"),
    pairing: join(state_dir, "pairing"),
    locks: join(state_dir, "locks"),
  };
}
