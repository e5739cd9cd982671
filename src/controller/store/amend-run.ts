/** Records what the agents reported about a run later, in place of what was recorded for these hosts. */
import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { messageOf } from "../../core/errors.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import { OUTPUT_STREAMS } from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";
import { writeWholeAsync } from "../../system/files/async-files.ts";
import { takeLock } from "../../system/files/lock.ts";
import { amended, isCarriedOut } from "./found-run.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import { OutputFile, outputName } from "./output-file.ts";
import { paths } from "./paths.ts";
import { RECORD_MODE, recordFile } from "./record-file.ts";
import { recordJson } from "./record-json.ts";
import { type RecordedResult, recordedResult } from "./recorded-result.ts";
import { FileRollouts } from "./rollout-files.ts";
import { RunOutputs } from "./run-outputs.ts";
import type { StoredRun } from "./stored-run.ts";
import { readStoredRun } from "./stored-runs.ts";

/** Another amendment takes as long as writing a record does. */
const WAIT_MS = 10_000;

/** As the port describes it (RunStore.amend). */
export async function amendRun(
  context: StoreContext,
  reqid: string,
  told: readonly RunResult[],
  account: ReplyAccount,
): Promise<boolean> {
  const { config, log, now } = context;
  let outputs: RunOutputs | undefined;
  try {
    using _lock = await takeLock(lockPath(config, "run-records"), WAIT_MS);
    const found = await readStoredRun(context, reqid, account);
    if (found === undefined || found.alive) return false;
    const { run } = found;
    // Its process would see a record that is no longer its own, and give the rollout up.
    if (await isCarriedOut(found, new FileRollouts(context))) return false;
    outputs = new RunOutputs(context, { ...run, token: "" });
    const news = new Map<string, RecordedResult>();
    for (const result of told) {
      adoptFiles(config, run, result);
      news.set(result.host, await recordedResult(run, result, "", outputs.of(result.host)));
    }
    const json = recordJson(amended(found, news, now()));
    await writeWholeAsync(recordFile(config, reqid), json, RECORD_MODE, true);
    return true;
  } catch (thrown) {
    log({ event: "run-store-fail", error: messageOf(thrown), reqid });
    return false;
  } finally {
    outputs?.close();
  }
}

/** What lateOutputs() has taken belongs to the record from now on. */
export function adoptFiles(
  config: ControllerConfig,
  { reqid, hosts }: Pick<StoredRun, "reqid" | "hosts">,
  result: RunResult,
): void {
  for (const stream of OUTPUT_STREAMS) {
    const text = result[stream];
    if (!(text instanceof OutputFile)) continue;
    text.moveTo(join(paths(config).runs, outputName(reqid, hosts.indexOf(result.host), stream)));
  }
}
