/** Looks at the record of a run that another process may be writing, until it is complete. */
import type { RunReportSoFar } from "../../core/run-report.ts";
import { type Controller, openReplies } from "../control-host.ts";
import { noSuchRun } from "./authorize-run.ts";

/** The least time between two looks; also at least twenty times as long as the last one took. */
const LOOK_EVERY_MS = 500;
const LOOK_SHARE = 20;

/**
 * The run as it is now, and again and again until it is complete. When the signal is aborted, the run once more,
 * and the end. What each look has read is held until the next one.
 *
 * @throws CtrlExecError `not-found`, `busy`, `storage`, or `damaged` if the record cannot be read
 */
export async function* watchRecord(
  controller: Controller,
  reqid: string,
  signal: AbortSignal,
): AsyncGenerator<RunReportSoFar> {
  const stopped = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => stopped.resolve(), { once: true });
  for (;;) {
    const last = signal.aborted;
    const began = performance.now();
    const account = openReplies(controller);
    try {
      const run = await controller.store.runs.read(reqid, account);
      if (run === undefined) throw noSuchRun(reqid);
      const took = performance.now() - began;
      yield run;
      if (run.complete || last) return;
      await Promise.race([Bun.sleep(Math.max(LOOK_EVERY_MS, LOOK_SHARE * took)), stopped.promise]);
    } finally {
      account.close();
    }
  }
}
