/** What most use-cases of the control host work with. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { Log } from "../../core/log-line.ts";

export interface HostContext {
  readonly config: ControllerConfig;
  readonly log: Log;
  readonly now: () => Date;
}
