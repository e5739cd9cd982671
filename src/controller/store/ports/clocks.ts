/** What the hosts' clocks show. See ../ports.ts. */
import type { ClockSighting } from "../../../core/clock.ts";

/** What the hosts' clocks showed compared with this host's; for each host always the latest comparison. */
export interface ClockStore {
  /** Only those of registered hosts. @param agents by lower-case name */
  known(agents: ReadonlyMap<string, unknown>): Promise<readonly ClockSighting[]>;
  /**
   * Records what has changed, and logs clocks that differ. Never rejects: the next answer says it again.
   * @param offsets seconds by which each clock is ahead of this host's, by registered name
   */
  remember(offsets: ReadonlyMap<string, number>): Promise<void>;
  /** Never rejects. */
  forget(hostname: string): Promise<void>;
}
