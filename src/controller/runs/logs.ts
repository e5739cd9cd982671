/** What the script of a run has printed, from its record and, where that has no end yet, from the agents. */
import type { OutputStream } from "../../core/run-event.ts";
import type { Caller } from "../access/authorize.ts";
import { type Controller, openReplies } from "../control-host.ts";
import { authorizeRun, noSuchRun } from "./authorize-run.ts";
import type { RunSink } from "./listener.ts";
import { storedEvents } from "./stored-events.ts";

export interface LogOrder {
  readonly reqid: string;
  /** As in the run's results; undefined means all of them, one after the other unless `follow`. */
  readonly host?: string | undefined;
  /** Undefined means both; of what is stored, stdout comes first. */
  readonly stream?: OutputStream | undefined;
  /** Until every host has its end. Otherwise what there is now. */
  readonly follow: boolean;
  /** Ends the reading; the run goes on. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives each host's output to the sink, from its first byte, and its `begin` and `end` if they are known.
 *
 * @throws CtrlExecError `denied`, `not-found` (the run, or a host that is not in it), `busy`, or `damaged`
 */
export async function readLogs(
  controller: Controller,
  caller: Caller,
  order: LogOrder,
  onEvent: RunSink,
): Promise<void> {
  const account = openReplies(controller);
  try {
    await authorizeRun(controller, caller, { action: "read", reqid: order.reqid }, account);
    const run = await controller.store.runs.read(order.reqid, account);
    if (run === undefined) throw noSuchRun(order.reqid);
    for (const result of run.results) {
      if (order.host !== undefined && result.host !== order.host) continue;
      for (const event of storedEvents(result, order.stream)) await onEvent(result.host, event);
    }
  } finally {
    account.close();
  }
}
