/** Watches a run that another process may be waiting for, until its end is known on every host. */
import type { RunReportSoFar } from "../../core/run-report.ts";
import { noSuchRun } from "../access/authorize-run.ts";
import { type Controller, openReplies } from "../control-host.ts";
import { askAgain, type HeardRun } from "./ask-again.ts";
import { isUnattended } from "./recorded-run.ts";

/**
 * The least time between two reads of the record; also at least twenty times as long as the last read took. How long
 * its agents took to answer does not count: an unreachable one takes `connect_timeout`.
 */
const LOOK_EVERY_MS = 500;
const LOOK_SHARE = 20;

/** The least time between two questions to agents. */
const ASK_EVERY_MS = 2000;

/** How long a host that never reported that it had accepted the run may be unreachable. */
const AWAY_MS = 60_000;

/**
 * The run as it is now, repeatedly until it is complete. When the signal is aborted, the run once more, and the end.
 * What each check has read is held until the next one.
 *
 * @param onAway called whenever the hosts were asked, with those that could not be, and why
 * @throws CtrlExecError `not-found`, `busy`, `storage`, or `damaged` if the record cannot be read
 */
export async function* watchRun(
  controller: Controller,
  reqid: string,
  signal: AbortSignal,
  onAway?: (hosts: ReadonlyMap<string, string>) => void,
): AsyncGenerator<RunReportSoFar> {
  const stopped = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => stopped.resolve(), { once: true });
  const began = performance.now();
  for (;;) {
    const last = signal.aborted;
    const looked = performance.now();
    using account = openReplies(controller);
    const found = await controller.store.runs.readOpen(reqid, account);
    if (found === undefined) throw noSuchRun(reqid);
    const took = performance.now() - looked;
    const asked = isUnattended(found) && found.open.length > 0 && !last;
    const heard = asked
      ? await askAgain(controller, found, account)
      : { report: found.report, unheard: new Map<string, string>() };
    if (asked) onAway?.(heard.unheard);
    const away = performance.now() - began > AWAY_MS;
    const report = away || last ? heard.report : withoutUnheard(heard);
    yield report;
    if (last || report.complete) return;
    const least = asked ? ASK_EVERY_MS : LOOK_EVERY_MS;
    await Promise.race([Bun.sleep(Math.max(least, LOOK_SHARE * took)), stopped.promise]);
  }
}

/** A host that is unreachable may still say how it went. */
function withoutUnheard({ report, unheard }: HeardRun): RunReportSoFar {
  if (unheard.size === 0) return report;
  const results = report.results.filter(({ host }) => !unheard.has(host));
  const pending = report.hosts.filter((host) => unheard.has(host) || report.pending.includes(host));
  return { ...report, results, pending, complete: false, completed: null };
}
