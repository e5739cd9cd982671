/** Waits for a run that somebody else has started, or that was detached. */
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { RunResult } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizeRun, noSuchRun } from "../access/authorize-run.ts";
import type { Controller } from "../control-host.ts";
import type { ContactSink } from "./listener.ts";
import { watchRun } from "./watch-run.ts";

export interface WaitOrder {
  readonly reqid: string;
  /** Ends the wait; the run goes on. */
  readonly signal: AbortSignal;
  /** Called once, with the run as it is before the wait. */
  readonly onBegin?: (run: RunReportSoFar) => void;
  /** Called again and again, with the run as it is then. */
  readonly onLook?: (run: RunReportSoFar) => void;
  readonly onContact?: ContactSink;
}

/**
 * Resolves when every host has its end, or with the run as far as it is when the signal ends the wait: then
 * `complete` is false.
 *
 * @param onResult called once per host, as they end; at once for those that have
 * @throws CtrlExecError `denied`, `not-found`, `busy`, or `damaged` if the record cannot be read
 */
export async function waitFor(
  controller: Controller,
  caller: Caller,
  { reqid, signal, onBegin, onLook, onContact }: WaitOrder,
  onResult: (result: RunResult) => void,
): Promise<RunReportSoFar> {
  await authorizeRun(controller, caller, { action: "read", reqid });
  const told = new Set<string>();
  let last: RunReportSoFar | undefined;
  let away: ReadonlyMap<string, string> = new Map();
  const noteAway = (hosts: ReadonlyMap<string, string>) => {
    for (const host of away.keys()) if (!hosts.has(host)) onContact?.(host, { kind: "back" });
    for (const [host, why] of hosts) {
      if (!away.has(host)) onContact?.(host, { kind: "lost", why, seconds: undefined });
    }
    away = hosts;
  };
  for await (const run of watchRun(controller, reqid, signal, noteAway)) {
    if (last === undefined) onBegin?.(run);
    onLook?.(run);
    last = run;
    for (const result of run.results) {
      if (told.has(result.host) || goesOn(result.state)) continue;
      told.add(result.host);
      onResult(result);
    }
  }
  if (last === undefined) throw noSuchRun(reqid);
  return last;
}
