/** What is told of a rollout while it goes on, beside its hosts' results. */
import type { RolloutMessage } from "../../core/wire/run-messages.ts";

/** @property reqid of the rollout */
export type RolloutNews = RolloutMessage & { readonly reqid: string };

/** A batch that begins, or would. */
export interface BatchNews {
  /** Of the rollout. */
  readonly reqid: string;
  /** From 1 on. */
  readonly batch: number;
  readonly of: number;
  readonly hosts: readonly string[];
}
