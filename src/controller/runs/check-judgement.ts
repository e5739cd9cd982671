/** What the results of a check after a batch mean for the next one. Pure. */
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { firstOf } from "../../core/text.ts";

export interface JudgedCheck {
  /** The hosts on which it failed. */
  readonly failed: readonly string[];
  /** The error of each of them, if it is the same. */
  readonly why: string | undefined;
}

/** How many hosts a reason names. */
const MOST_NAMED = 3;

export function judgeCheck(results: readonly RunResult[]): JudgedCheck {
  const failed = results.filter(runFailed);
  const [why, ...others] = new Set(failed.map(({ error }) => error));
  const common = others.length === 0 ? why : undefined;
  return { failed: failed.map(({ host }) => host), why: common };
}

/** Why no other batch begins; undefined if one may. */
export function failedCheck({ failed, why }: JudgedCheck): string | undefined {
  if (failed.length === 0) return undefined;
  const reason = why === undefined ? "" : `: ${why}`;
  return `its check failed on ${firstOf(failed, MOST_NAMED)}${reason}`;
}
