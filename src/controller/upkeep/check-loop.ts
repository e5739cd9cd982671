/** The check loop of pairing-mode and the API: maintenance, again and again. */
import type { Controller } from "../control-host.ts";
import { maintainOnce } from "./maintenance.ts";

export interface CheckLoop {
  /** No pass begins after this. One under way may be cut off at any step. */
  stop(): void;
}

/** Does a pass now, and one every `cert_check_interval`. */
export function startCheckLoop(controller: Controller): CheckLoop {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stopped = false;
  const pass = async () => {
    await maintainOnce(controller);
    if (!stopped) timer = setTimeout(pass, controller.config.cert_check_interval * 1000);
  };
  void pass();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
