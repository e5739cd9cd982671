/** What is told of a rollout beside its hosts, and when a host's batch begins: read from its record while it goes on. */
import type { RolloutReport } from "../../core/rollout.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { RolloutMessage } from "../../core/wire/run-messages.ts";
import { pause } from "../../system/deadline.ts";
import { noSuchRun } from "../access/authorize-run.ts";
import { openReplies, type RunReader } from "../control-host.ts";
import type { RecordedRun } from "../store/ports/runs.ts";

/** The least time between two reads of the record; also at least this many times as long as one read takes. */
const LOOK_EVERY_MS = 250;
const LOOK_SHARE = 20;

/** A record that has not changed is read again anyway: its writer may have stopped. */
const READ_EVERY_MS = 10_000;

export class RolloutLog {
  readonly #controller: RunReader;
  readonly #found: RecordedRun;
  #onLook: ((run: RunReportSoFar) => void) | undefined;
  /** The look at the record that is under way: one for all who wait. */
  #looking: Promise<RecordedRun> | undefined;
  /** What was read last. */
  #seen: { readonly version: string; readonly at: number; readonly found: RecordedRun } | undefined;

  /** @param found any run; if it is not a rollout, there are no messages */
  constructor(controller: RunReader, found: RecordedRun) {
    this.#controller = controller;
    this.#found = found;
  }

  /** @param onLook called now, and whenever the record was read again. Never of a run that is no rollout */
  hearLooks(onLook: ((run: RunReportSoFar) => void) | undefined): void {
    if (!this.isRollout) return;
    this.#onLook = onLook;
    onLook?.(this.#found.report);
  }

  get isRollout(): boolean {
    return this.#found.rollout !== undefined;
  }

  /** How many messages there were when the log was opened. */
  get toldSoFar(): number {
    return this.#found.rollout?.told?.length ?? 0;
  }

  /** The hosts of the batches among this many messages. */
  begunHosts(told: number): readonly string[] {
    const messages = this.#found.rollout?.told?.slice(0, told) ?? [];
    return messages.flatMap((message) => (message.event === "batch" ? message.hosts : []));
  }

  /** How far it came, and whether its record was completed, as far as was read last; undefined if it is no rollout. */
  get end(): { readonly recorded: boolean; readonly rollout: RolloutReport } | undefined {
    const { report, closed } = this.#seen?.found ?? this.#found;
    return report.rollout && { recorded: closed, rollout: report.rollout };
  }

  /** Whether the host waited for its batch when the log was opened. */
  isQueued(host: string): boolean {
    return isQueued(this.#found, host);
  }

  /** Its agent knows nothing of a host that waits for its batch. @returns whether it had to wait */
  async untilBegun(host: string, signal: AbortSignal): Promise<boolean> {
    let found = this.#found;
    while (isQueued(found, host) && !signal.aborted) found = await this.#lookLater(signal);
    return found !== this.#found && !signal.aborted;
  }

  /** The messages from this one on, until the rollout has ended, or the signal ends the reading. */
  async *told(from: number, signal: AbortSignal): AsyncGenerator<RolloutMessage> {
    let found = this.#found;
    for (let next = from; ; ) {
      for (const message of found.rollout?.told?.slice(next) ?? []) {
        yield message;
        next += 1;
      }
      if (found.rollout === undefined || !goesOn(found) || signal.aborted) return;
      found = await this.#lookLater(signal);
    }
  }

  async #lookLater(signal: AbortSignal): Promise<RecordedRun> {
    this.#looking ??= this.#lookAndPause(signal).finally(() => {
      this.#looking = undefined;
    });
    return await this.#looking;
  }

  async #lookAndPause(signal: AbortSignal): Promise<RecordedRun> {
    const { reqid } = this.#found.report;
    const { runs, rollouts } = this.#controller.store;
    const version = await runs.version(reqid);
    const began = performance.now();
    // A pause may last for weeks, without any message in that time.
    const seen = this.#seen;
    if (
      seen?.version === version &&
      began - seen.at < READ_EVERY_MS &&
      (await rollouts.isOwned(reqid))
    ) {
      await pause(LOOK_EVERY_MS, signal);
      return seen.found;
    }
    using account = openReplies(this.#controller);
    const found = await runs.readOpen(reqid, account);
    if (found === undefined) throw noSuchRun(reqid);
    this.#seen = { version, at: began, found };
    this.#onLook?.(found.report);
    const took = performance.now() - began;
    if (goesOn(found)) await pause(Math.max(LOOK_EVERY_MS, LOOK_SHARE * took), signal);
    return found;
  }
}

function goesOn({ alive, detached }: RecordedRun): boolean {
  return alive || detached;
}

function isQueued({ report }: RecordedRun, host: string): boolean {
  return report.results.some((each) => each.host === host && each.state === "queued");
}
