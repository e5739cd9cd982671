/** What was counted for metrics, by every process of this control host. See ../ports.ts. */
import type { Counts } from "../../../core/metrics/tally.ts";

/**
 * It may be lost at any time: counting then begins again, as readers of counters expect. A process that is killed
 * loses what it has not added.
 */
export interface CountStore {
  /** Whether anybody reads them: readAll() has been called before. */
  isRead(): Promise<boolean>;
  /**
   * Adds these, and resolves with the total of all. Undefined if that cannot be done, which is logged; never rejects.
   */
  readAll(counts: Counts): Promise<AllCounts | undefined>;
}

export interface AllCounts {
  readonly counts: Counts;
  /** When counting began. */
  readonly since: Date;
}
