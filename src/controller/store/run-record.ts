/**
 * Run records: `runs/<reqid>.json` (docs/PROTOCOL.md, section 4), written before a run's script is sent. A
 * record never contains a token (T27) or the arguments, which may be just as secret.
 */
import { utimes } from "node:fs/promises";
import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { isRequestId, newRequestId } from "../../core/request-id.ts";
import { OUTPUT_STREAMS } from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { isoSeconds } from "../../core/time.ts";
import { formatBytes } from "../../core/units.ts";
import type { RolloutMessage } from "../../core/wire/run-messages.ts";
import { overwriteAsync, writeWholeAsync } from "../../system/files/async-files.ts";
import { ensureFolder } from "../../system/files/files.ts";
import { takeLock } from "../../system/files/lock.ts";
import { identify } from "../../system/process/process-id.ts";
import type { ReplyShare } from "../fleet/reply-budget.ts";
import { resultWithoutToken } from "../runs/redact.ts";
import { bareResult, longestBareResult } from "./bare-result.ts";
import type { StoreContext } from "./host.ts";
import { lockPath, longestRecord, paths, RECORD_MODE } from "./paths.ts";
import type {
  HostOutput,
  RolloutFacts,
  RolloutStep,
  RunFacts,
  RunRecord,
  StepNoted,
} from "./ports/runs.ts";
import { recordJson } from "./record-json.ts";
import { noteRecordWritten } from "./record-space.ts";
import { isOfAnother, type RecordWriter } from "./record-writer.ts";
import {
  type RecordedResult,
  recordedResult,
  without,
  withoutBeginnings,
} from "./recorded-result.ts";
import { RunOutputs } from "./run-outputs.ts";

/**
 * The least time between two writes of a run under way; also at least twenty times as long as the last one
 * took.
 */
const WRITE_PAUSE_MS = 1000;
const WRITE_SHARE = 20;

/** Whoever else writes the record takes as long as it takes to write one. */
const WAIT_MS = 10_000;

/** A run under way touches its record this often; if it is untouched for longer, its process is gone. */
const HEARTBEAT_MS = 10_000;
export const LOST_AFTER_MS = 60_000;

/** A rollout that is paused again and again must not fill its record. */
const MOST_TOLD = 10_000;

/** Most space reserved at the beginning of a run for its end: characters. */
const MAX_RESERVE = 2 ** 20;

/** The record of a run under way. */
export class FileRunRecord implements RunRecord {
  /** Resolves with whether there is a record; failures are logged. */
  readonly stored: Promise<boolean>;
  readonly #controller: StoreContext;
  readonly #facts: RunFacts;
  readonly #file: string;
  readonly #started: string;
  #rollout: RolloutFacts | undefined;
  readonly #writer: RecordWriter | undefined;
  readonly #taken = Promise.withResolvers<void>();
  #isTaken = false;
  readonly #outputs: RunOutputs;
  readonly #results = new Map<string, RecordedResult>();
  /** When the script started, by the hosts that have said so. */
  readonly #begun = new Map<string, string>();
  /** Long outputs are on their way into files. */
  #moving: Promise<void> = Promise.resolve();
  readonly #heartbeat: ReturnType<typeof setInterval>;
  #writing: Promise<boolean>;
  #scheduled: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = WRITE_PAUSE_MS;
  #closed = false;
  /** Nobody waits for its hosts, until another process goes on with it. */
  #left = false;

  /**
   * @param durable the record outlives a power cut: for a run that nobody waits for
   * @param before what it has already, if it goes on
   */
  constructor(controller: StoreContext, facts: RunFacts, durable = false, before?: RecordBefore) {
    this.#controller = controller;
    this.#facts = facts;
    this.#file = recordFile(controller.config, facts.reqid);
    this.#outputs = new RunOutputs(controller, facts);
    this.#started = before?.started ?? isoSeconds(controller.now());
    this.#rollout = facts.rollout;
    const writer = identify(process.pid);
    this.#writer = writer && facts.rollout ? { ...writer, id: newRequestId() } : writer;
    for (const result of before?.results ?? []) this.#results.set(result.host, result);
    this.#heartbeat = setInterval(() => {
      const now = controller.now();
      utimes(this.#file, now, now).catch(() => undefined);
    }, HEARTBEAT_MS);
    this.stored = this.#store(() => this.#begin(durable));
    this.#writing = this.stored;
  }

  output(host: string, share: ReplyShare): HostOutput {
    return this.#outputs.of(host, share);
  }

  begun(host: string, started: string): void {
    if (this.#closed) return;
    this.#begun.set(host, started);
    this.#writeSoon();
  }

  /** Results added after `close` are ignored. */
  add(result: RunResult): void {
    if (this.#closed) return;
    this.#moving = this.#moving.then(() => this.#take(result));
    this.#writeSoon();
  }

  #writeSoon(): void {
    this.#scheduled ??= setTimeout(() => {
      this.#scheduled = undefined;
      this.#then(async () => {
        if (!this.#closed) await this.#write(false);
      });
    }, this.#pauseMs);
  }

  get takenOver(): Promise<void> {
    return this.#taken.promise;
  }

  tell(message: RolloutMessage): void {
    const { told = [] } = this.#rollout ?? {};
    if (this.#rollout === undefined || this.#closed || told.length >= MOST_TOLD) return;
    this.#rollout = { ...this.#rollout, told: [...told, message] };
    this.#writeSoon();
  }

  async step(step: RolloutStep): Promise<StepNoted> {
    if (this.#rollout !== undefined) this.#rollout = { ...this.#rollout, ...step };
    this.#then(async () => {
      if (!this.#closed) await this.#write(false, true);
    });
    const noted = await this.#writing;
    if (this.#isTaken) return "taken-over";
    return noted ? "noted" : "not-noted";
  }

  /**
   * Writes the final record. Never rejects.
   * @returns whether the record has all results completely
   */
  async close(): Promise<boolean> {
    if (!this.#closed) {
      this.#takeNoMore();
      this.#then(() => this.#finish());
    }
    return (await this.#writing) && this.#outputs.isWhole;
  }

  /** The run was not begun: nothing more is written. */
  discard(): void {
    this.#takeNoMore();
    this.#outputs.close();
  }

  async leave(): Promise<void> {
    if (this.#closed) return;
    this.#takeNoMore();
    this.#left = true;
    this.#then(async () => {
      await this.#write(false, true).catch(async (thrown) => {
        await this.#giveUp();
        throw thrown;
      });
    });
    await this.#writing;
    this.#outputs.close();
  }

  #takeNoMore(): void {
    this.#closed = true;
    clearTimeout(this.#scheduled);
    clearInterval(this.#heartbeat);
  }

  async #take(result: RunResult): Promise<void> {
    const { token } = this.#facts;
    const { host } = result;
    try {
      const output = this.#outputs.of(host);
      this.#results.set(host, await recordedResult(this.#facts, result, token, output));
    } catch (thrown) {
      // A file is gone that was there a moment ago.
      this.#outputs.leftOut(thrown);
      this.#results.set(host, resultWithoutToken(without(result, OUTPUT_STREAMS), token));
    }
  }

  /** One write at a time, in order. */
  #then(write: () => Promise<void>): void {
    this.#writing = this.#writing.then(() => this.#store(() => this.#ifOurs(write)));
  }

  /** Whoever goes on with a rollout holds the lock until the record names it. */
  async #ifOurs(write: () => Promise<void>): Promise<void> {
    const id = this.#writer?.id;
    if (id === undefined) return await write();
    using _lock = await takeLock(lockPath(this.#controller.config, "run-records"), WAIT_MS);
    if (!this.#isTaken && (await isOfAnother(this.#file, id))) {
      this.#isTaken = true;
      this.discard();
      this.#taken.resolve();
    }
    if (this.#isTaken) throw new Error("another process has taken the record over");
    await write();
  }

  /** Resolves with whether the write succeeded. */
  async #store(write: () => Promise<void>): Promise<boolean> {
    const started = performance.now();
    try {
      await write();
      return true;
    } catch (thrown) {
      const { log } = this.#controller;
      log({ event: "run-store-fail", error: messageOf(thrown), reqid: this.#facts.reqid });
      return false;
    } finally {
      this.#pauseMs = Math.max(WRITE_PAUSE_MS, WRITE_SHARE * (performance.now() - started));
    }
  }

  /** Reserves room for the end of the run, so that it can be written even if the disk fills up meanwhile. */
  async #begin(durable: boolean): Promise<void> {
    ensureFolder(paths(this.#controller.config).runs, 0o750);
    const { hosts } = this.#facts;
    const json = [...this.#json(false, this.#recorded())].join("");
    const end = this.#json(
      true,
      hosts.map((host) => longestBareResult(this.#facts, host)),
    );
    const reserve = Math.max(0, Math.min(MAX_RESERVE, [...end].join("").length - json.length));
    await writeWholeAsync(this.#file, [json, " ".repeat(reserve)], RECORD_MODE, durable);
  }

  /** Writes everything; or what fits, and an error that says why it is incomplete. */
  async #finish(): Promise<void> {
    try {
      await this.#write(true).catch(() => this.#writeWith(withoutBeginnings));
    } catch (thrown) {
      const bare = this.#json(true, this.#recorded().map(bareResult));
      await this.#writeWith(bareResult)
        .catch(() => overwriteAsync(this.#file, [...bare].join("")))
        .catch(() => this.#giveUp());
      throw thrown;
    } finally {
      this.#outputs.close();
    }
  }

  /**
   * Marks the record like that of a run that lost its process, so that nobody waits for results that will not
   * come.
   */
  async #giveUp(): Promise<void> {
    const past = new Date(this.#controller.now().getTime() - LOST_AFTER_MS - 1000);
    await utimes(this.#file, past, past).catch(() => undefined);
  }

  async #write(complete: boolean, durable = complete): Promise<void> {
    await this.#moving;
    await this.#writeJson(this.#json(complete, this.#recorded()), complete, durable);
  }

  async #writeWith(change: (result: RecordedResult) => RecordedResult): Promise<void> {
    await this.#writeJson(this.#json(true, this.#recorded().map(change)), true);
  }

  async #writeJson(json: Iterable<string>, complete: boolean, durable = complete): Promise<void> {
    const { config } = this.#controller;
    const most = longestRecord(config) - this.#outputs.written;
    let length = 0;
    const counted = function* (): Generator<string> {
      for (const piece of json) {
        length += piece.length;
        if (length > most) {
          const max = formatBytes(config.run_records_max);
          throw new Error(`it takes more than half of run_records_max (${max})`);
        }
        yield piece;
      }
    };
    ensureFolder(paths(config).runs, 0o750);
    await writeWholeAsync(this.#file, counted(), RECORD_MODE, durable);
    if (complete) await noteRecordWritten(this.#controller, length);
  }

  /** In the order of the hosts. */
  #recorded(): RecordedResult[] {
    return this.#facts.hosts.flatMap((host) => this.#results.get(host) ?? []);
  }

  /** For each host, as `ports`. */
  #begunTimes(): (string | null)[] {
    return this.#facts.hosts.map((host) => this.#begun.get(host) ?? null);
  }

  #json(ended: boolean, results: readonly RecordedResult[]): Generator<string> {
    const { reqid, script, hosts, ports, submitter } = this.#facts;
    const complete = ended && !results.some(({ state }) => goesOn(state));
    return recordJson({
      reqid,
      submitter,
      script,
      hosts,
      results,
      completed: complete ? isoSeconds(this.#controller.now()) : null,
      complete,
      started: this.#started,
      ports,
      rollout: this.#rollout,
      writer: ended || this.#left ? null : this.#writer,
      begun: ended || this.#begun.size === 0 ? undefined : this.#begunTimes(),
    });
  }
}

/** What a record has that goes on. */
export interface RecordBefore {
  readonly started: string;
  readonly results: readonly RecordedResult[];
}

/** A request id is checked before it is part of a path (T17). */
export function recordFile(config: ControllerConfig, reqid: string): string {
  if (!isRequestId(reqid)) {
    throw new CtrlExecError("bad-request", `Cannot use "${reqid}": not a request id`);
  }
  return join(paths(config).runs, `${reqid}.json`);
}
