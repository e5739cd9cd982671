/** What the script of a run has printed: from its record and, where that has no end yet, from its agent. */
import { inParallel } from "../../core/in-parallel.ts";
import type { RunEvent } from "../../core/run-event.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { RunResult } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { Deadline } from "../../system/deadline.ts";
import type { Caller } from "../access/authorize.ts";
import { hostOfRun } from "../access/authorized-targets.ts";
import { type Controller, openDialler, openReplies } from "../control-host.ts";
import { type FleetDialler, parallelLimit } from "../fleet/fan-out.ts";
import { followOn } from "../fleet/follow-run.ts";
import type { OpenHost } from "../store/ports/runs.ts";
import { authorizeRun, noSuchRun, notInRun } from "./authorize-run.ts";
import type { RunSink } from "./listener.ts";
import { storedEvents } from "./stored-events.ts";
import { watchRun } from "./watch-run.ts";

export interface LogOrder {
  readonly reqid: string;
  /** As in the run's results; undefined means all of them. */
  readonly host?: string | undefined;
  /** Until every host has its end, all of them at once. Otherwise what there is now, one host after the other. */
  readonly follow: boolean;
  /** Ends the reading; the run goes on. */
  readonly signal: AbortSignal;
  /** Called once, before the first event, with the hosts that are read. */
  readonly onHosts?: (hosts: readonly string[]) => void;
}

/** A host whose output is not known to its end, and why. */
export interface LogGap {
  readonly host: string;
  readonly why: string;
}

const NOT_KNOWN = "its agent does not know this run, or is older than 1.1";

/** An agent that says nothing for so long has no more to say now. */
const QUIET_MS = 500;

/**
 * Gives each host's output to the sink, from its first byte, and its `begin` and `end` if they are known.
 *
 * @returns the hosts of which something is missing; none if the signal has ended the reading
 * @throws CtrlExecError `denied`, `not-found`, `bad-request` for a host that is not in the run, `busy`, or `damaged`
 */
export async function readLogs(
  controller: Controller,
  caller: Caller,
  order: LogOrder,
  onEvent: RunSink,
): Promise<readonly LogGap[]> {
  const { reqid, follow, signal } = order;
  await authorizeRun(controller, caller, { action: "read", reqid });
  const account = openReplies(controller);
  try {
    const found = await controller.store.runs.readOpen(reqid, account);
    if (found === undefined) throw noSuchRun(reqid);
    const { report, open } = found;
    const hosts = hostsOf(report, order.host);
    order.onHosts?.(hosts);
    const reading = new Reading(controller, order, onEvent);
    const limit = follow ? parallelLimit(controller.config) : 1;
    await inParallel(hosts, limit, async (host) => {
      if (signal.aborted) return;
      const result = report.results.find((each) => each.host === host);
      const asked = open.find((each) => each.host === host);
      if (asked !== undefined) await reading.fromAgent(asked, found.alive);
      else if (result !== undefined) await reading.stored(result);
    });
    return signal.aborted ? [] : reading.gaps;
  } finally {
    account.close();
  }
}

/** @throws CtrlExecError `bad-request` */
function hostsOf({ reqid, hosts }: RunReportSoFar, wanted: string | undefined): readonly string[] {
  if (wanted === undefined) return hosts;
  if (hosts.includes(wanted)) return [wanted];
  throw notInRun(reqid, wanted, hosts);
}

class Reading {
  readonly gaps: LogGap[] = [];
  readonly #controller: Controller;
  readonly #order: LogOrder;
  readonly #onEvent: RunSink;
  #dialler: FleetDialler | undefined;

  constructor(controller: Controller, order: LogOrder, onEvent: RunSink) {
    this.#controller = controller;
    this.#order = order;
    this.#onEvent = onEvent;
  }

  async stored(result: RunResult): Promise<void> {
    for (const event of storedEvents(result)) {
      if (this.#order.signal.aborted) return;
      await this.#onEvent(result.host, event);
    }
  }

  /** @param alive whether another process waits for the host, and records its result */
  async fromAgent({ host, port }: OpenHost, alive: boolean): Promise<void> {
    const { reqid, follow, signal } = this.#order;
    this.#dialler ??= openDialler(this.#controller);
    const quiet = new AbortController();
    const clock = new Deadline(QUIET_MS, () => quiet.abort());
    clock.stop();
    const following = {
      reqid,
      signal: follow ? signal : AbortSignal.any([signal, quiet.signal]),
      onEvent: async (event: RunEvent) => {
        clock.stop();
        await this.#onEvent(host, event);
        if (!follow) clock.restart();
      },
    };
    const target = await hostOfRun(this.#controller, host, port);
    const followed = await followOn(this.#dialler, target, following);
    clock.stop();
    if (followed.kind === "ended" || following.signal.aborted) return;
    if (followed.kind === "out-of-sight") this.gaps.push({ host, why: followed.why });
    else if (alive && follow) await this.#fromRecord(host);
    else this.gaps.push({ host, why: followed.outcome.error ?? NOT_KNOWN });
  }

  /** Its agent is older than 1.1: the result comes when the script has ended. */
  async #fromRecord(host: string): Promise<void> {
    const { reqid, signal } = this.#order;
    for await (const { results } of watchRun(this.#controller, reqid, signal)) {
      const result = results.find((each) => each.host === host && !goesOn(each.state));
      if (result === undefined) continue;
      await this.stored(result);
      return;
    }
  }
}
