/**
 * Asks an agent that does not know a run what is certain about it, when nobody waits for its answer any more: a
 * request that has not reached it by then starts nothing later (docs/DECISIONS.md, "A run that its agent does not
 * know").
 */
import { NO_EXIT } from "../../core/run-event.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { parseIso } from "../../core/time.ts";
import { NO_SUCH_RUN, refusalIn } from "../../core/wire/messages/refusal.ts";
import { withdrawReply } from "../../core/wire/messages/withdraw-reply.ts";
import { answerOf } from "../fleet/answer.ts";
import { askHost, type FleetDialler, type HostOutcome } from "../fleet/fan-out.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";

/**
 * `never-ran`: it has not run, and will not. `unknown`: it will not start any more, but may have run. `known`: the
 * agent has accepted it in the meantime. Undefined: the agent could not be asked.
 */
export type Withdrawal = "never-ran" | "unknown" | "known" | undefined;

/** Whether an agent since 1.1 says that it does not know the run; older agents know no runs at all. */
export function knowsNoSuchRun({ reply }: HostOutcome): boolean {
  return reply?.status === 404 && refusalIn(reply.json) === NO_SUCH_RUN;
}

/** @param username who cancels it; undefined if it is given up */
export async function withdraw(
  dialler: FleetDialler,
  target: ResolvedTarget,
  { reqid, started }: Pick<RunReportSoFar, "reqid" | "started">,
  username?: string,
): Promise<Withdrawal> {
  const begun = parseIso(started);
  if (begun === undefined) return undefined;
  const agoMs = dialler.now().getTime() - begun.getTime();
  const asked = performance.now();
  const request = { method: "POST", path: "/withdraw", reply: "words", idempotent: true } as const;
  const body = username === undefined ? { reqid } : { reqid, username };
  const outcome = await askHost(dialler, target, { ...request, body });
  const answer = answerOf(withdrawReply, outcome);
  if (answer.kind !== "given") return undefined;
  if (answer.data.status === "known") return "known";
  // When the agent answered, the run had begun at most this long ago; the record has whole seconds, rounded down.
  const longestMs = agoMs + performance.now() - asked;
  // Negative if a clock was set back: then nobody knows how long ago it was.
  const isCertain = agoMs >= 0 && answer.data.known_for * 1000 > longestMs;
  return isCertain ? "never-ran" : "unknown";
}

/** The result of the run on such a host; undefined if more may be learned about it. */
export function withdrawnResult(
  report: RunReportSoFar,
  host: string,
  withdrawal: Withdrawal,
): RunResult | undefined {
  if (withdrawal === undefined || withdrawal === "known") return undefined;
  const before = report.results.find((result) => result.host === host);
  // What the agent itself said when it answered: it could not tell.
  if (before?.state === "unknown" && before.exit !== NO_EXIT) return before;
  if (before?.state === "running") {
    const lost = withoutResult(report, host, "", FORGOTTEN);
    return before.started === undefined ? lost : { ...lost, started: before.started };
  }
  return withoutResult(report, host, "", withdrawal === "never-ran" ? NEVER_CAME : NOT_KNOWN);
}

const NEVER_CAME = {
  state: "never-ran",
  error: "the request never reached its agent, which would now refuse it",
} as const;

const FORGOTTEN = { state: "lost", error: "its agent does not know this run any more" } as const;

export const NOT_KNOWN = {
  state: "lost",
  error: "its agent does not know this run, and may have forgotten it: it may have run",
} as const;
