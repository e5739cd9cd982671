/** What is told of a rollout while it goes on, beside its hosts' results. */

export type RolloutNews =
  | ({ readonly kind: "batch" } & BatchNews)
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
    };

/** A batch that begins, or would. */
export interface BatchNews {
  /** Of the rollout. */
  readonly reqid: string;
  /** From 1 on. */
  readonly batch: number;
  readonly of: number;
  readonly hosts: readonly string[];
}
