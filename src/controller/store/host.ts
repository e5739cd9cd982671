/** What most use-cases of the control host work with. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { ControlLog } from "../../core/events.ts";

export interface HostContext {
  readonly config: ControllerConfig;
  readonly log: ControlLog;
  readonly now: () => Date;
}
