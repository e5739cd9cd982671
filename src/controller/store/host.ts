/** What most use-cases of the control host need. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { ControlLog } from "../../core/events.ts";
import type { Store } from "./ports.ts";

/** What a store needs. */
export interface StoreContext {
  readonly config: ControllerConfig;
  readonly log: ControlLog;
  readonly now: () => Date;
}

export interface HostContext extends StoreContext {
  readonly store: Store;
}
