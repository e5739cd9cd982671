/** Resumes the record of a rollout that has stopped. */

import type { ReplyAccount } from "../../core/reply-budget.ts";
import { takeLock } from "../../system/files/lock.ts";
import { isRunning } from "../../system/process/process-id.ts";
import { beforeResuming } from "./found-run.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import type { RolloutFacts, RunFacts, RunRecord } from "./ports/runs.ts";
import { FileRunRecord } from "./run-record.ts";
import { readStoredRun } from "./stored-runs.ts";

/** Another writer of the record takes as long as writing a record does. */
const WAIT_MS = 10_000;

/** As the port describes it (RunStore.goOn). */
export async function goOnRecord(
  context: StoreContext,
  facts: RunFacts & { readonly rollout: RolloutFacts },
  account: ReplyAccount,
): Promise<RunRecord | undefined> {
  using _lock = await takeLock(lockPath(context.config, "run-records"), WAIT_MS);
  const found = await readStoredRun(context, facts.reqid, account);
  if (found === undefined || found.alive) return undefined;
  // It may have been stopped (SIGSTOP, a suspended machine) and may go on at any moment.
  const { complete, writer } = found.run;
  if (!complete && writer && isRunning(writer)) return undefined;
  const before = beforeResuming(found, facts.rollout.waiting);
  if (before === undefined) return undefined;
  const record = new FileRunRecord(context, facts, true, before);
  // The next process to ask for it finds that it is under way.
  await record.stored;
  return record;
}
