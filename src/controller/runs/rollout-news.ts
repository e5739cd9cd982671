/** What is told of a rollout while it goes on, beside its hosts' results. */

export type RolloutNews =
  | ({ readonly kind: "batch" } & BatchNews)
  /** Every host of it has its result. */
  | {
      readonly kind: "batch-end";
      readonly batch: number;
      readonly of: number;
      readonly reqid: string;
      /** How many of its hosts have failed. */
      readonly failed: number;
    }
  /** The check of that batch is over. */
  | {
      readonly kind: "check";
      readonly batch: number;
      readonly script: string;
      readonly reqid: string;
      /** The id of the check's own run. */
      readonly check: string;
      /** The hosts on which it failed. */
      readonly failed: readonly string[];
    }
  /** That batch waits until somebody continues the rollout. */
  | ({ readonly kind: "paused"; readonly by: string } & WaitingBatch)
  | ({ readonly kind: "continued" } & WaitingBatch)
  /** Before its end. */
  | {
      readonly kind: "stopped";
      readonly reqid: string;
      readonly reason: string;
      readonly not_started: number;
    };

interface WaitingBatch {
  readonly reqid: string;
  readonly batch: number;
  readonly of: number;
}

/** A batch that begins, or would. */
export interface BatchNews {
  /** Of the rollout. */
  readonly reqid: string;
  /** From 1 on. */
  readonly batch: number;
  readonly of: number;
  readonly hosts: readonly string[];
}
