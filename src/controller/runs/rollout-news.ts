/** What is reported about a rollout while it goes on, besides the results of its hosts. */
import type { RolloutMessage } from "../../core/wire/run-messages.ts";

/** @property reqid id of the rollout */
export type RolloutNews = RolloutMessage & { readonly reqid: string };

/** A batch that begins, or would. */
export interface BatchNews {
  /** The id of the rollout. */
  readonly reqid: string;
  /** Counted from 1. */
  readonly batch: number;
  readonly of: number;
  readonly hosts: readonly string[];
}
