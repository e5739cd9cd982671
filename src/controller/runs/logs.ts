/** What the script of a run has printed, for `logs`. */
import { inParallel } from "../../core/in-parallel.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { Caller } from "../access/authorize.ts";
import { hostsOf } from "../access/authorize-run.ts";
import type { Controller } from "../control-host.ts";
import { parallelLimit } from "../fleet/fan-out.ts";
import type { ContactSink, RunSink } from "./listener.ts";
import { openRunLog } from "./run-log.ts";

export interface LogOrder {
  readonly reqid: string;
  /** As in the run's results; undefined means all of them. */
  readonly host?: string | undefined;
  /** Until every host has its end, all of them in parallel. Otherwise what there is now, one host after the other. */
  readonly follow: boolean;
  /** Ends the reading; the run goes on. */
  readonly signal: AbortSignal;
  /** Called once, before the first event, with the hosts that are read. */
  readonly onHosts?: (hosts: readonly string[]) => void;
  readonly onContact?: ContactSink;
  /** Called with a rollout that is followed, whenever it was looked at. */
  readonly onLook?: (run: RunReportSoFar) => void;
  /** Called for a host where the script has not started, and so has printed nothing. @param why if it never will */
  readonly onUnstarted?: (host: string, state: "queued" | "not-started", why?: string) => void;
}

/** A host whose output is not known completely, and why. */
export interface LogGap {
  readonly host: string;
  readonly why: string;
}

/**
 * Passes each host's output to the sink, from its first byte, and its `begin` and `end` if they are known.
 *
 * @returns the hosts for which something is missing; none if the signal has ended the reading
 * @throws CtrlExecError `denied`, `not-found`, `bad-request` for a host that is not in the run, `busy`, or `damaged`
 */
export async function readLogs(
  controller: Controller,
  caller: Caller,
  order: LogOrder,
  onEvent: RunSink,
): Promise<readonly LogGap[]> {
  const { reqid, follow, signal, onContact, onUnstarted } = order;
  const log = await openRunLog(controller, caller, reqid);
  try {
    const hosts = hostsOf(log.report, order.host === undefined ? [] : [order.host]);
    order.onHosts?.(hosts);
    if (follow) log.rollout.hearLooks(order.onLook);
    const gaps: LogGap[] = [];
    const limit = follow ? parallelLimit(controller.config) : 1;
    await inParallel(hosts, limit, async (host) => {
      if (signal.aborted) return;
      const gap = await log.read(host, { follow, signal, onContact, left: true }, onEvent);
      const left = log.notStarted(host);
      if (left !== undefined) onUnstarted?.(host, "not-started", left.error);
      if (gap?.isQueued) onUnstarted?.(host, "queued");
      else if (gap !== undefined) gaps.push({ host, why: gap.why });
    });
    // A reader who leaves waits for nothing.
    if (!signal.aborted) await log.learn();
    return signal.aborted ? [] : gaps;
  } finally {
    log.close();
  }
}
