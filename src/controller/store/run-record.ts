/**
 * Run records: `runs/<reqid>.json` (docs/PROTOCOL.md, section 4), written before a run's script is sent. A
 * record never contains a token (T27) or the arguments, which may be just as secret.
 */
import { utimes } from "node:fs/promises";
import { resultWithoutToken } from "../../core/redact.ts";
import type { ReplyShare } from "../../core/reply-budget.ts";
import { newRequestId } from "../../core/request-id.ts";
import type { RunResult } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { isoSeconds } from "../../core/time.ts";
import { formatBytes } from "../../core/units.ts";
import type { RolloutMessage } from "../../core/wire/run-messages.ts";
import { overwriteAsync, writeWholeAsync } from "../../system/files/async-files.ts";
import { ensureFolder } from "../../system/files/files.ts";
import { identify } from "../../system/process/process-id.ts";
import { bareResult, longestBareResult } from "./bare-result.ts";
import type { RecordBefore } from "./found-run.ts";
import type { StoreContext } from "./host.ts";
import { paths } from "./paths.ts";
import type {
  HostOutput,
  RolloutFacts,
  RolloutStep,
  RunFacts,
  RunRecord,
  StepNoted,
} from "./ports/runs.ts";
import { longestRecord, RECORD_MODE, recordFile } from "./record-file.ts";
import { recordJson } from "./record-json.ts";
import { noteRecordWritten } from "./record-space.ts";
import type { RecordWriter } from "./record-writer.ts";
import { RecordWrites } from "./record-writes.ts";
import {
  type RecordedResult,
  recordedResult,
  withoutBeginnings,
  withoutOutputs,
} from "./recorded-result.ts";
import { RunOutputs } from "./run-outputs.ts";

/** A run under way touches its record this often; if it is untouched for longer, its process is gone. */
const HEARTBEAT_MS = 10_000;
export const LOST_AFTER_MS = 60_000;

/** A rollout that is paused again and again must not fill up its record. */
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
  readonly #began: number | undefined;
  #rollout: RolloutFacts | undefined;
  readonly #writer: RecordWriter | undefined;
  readonly #writes: RecordWrites;
  readonly #outputs: RunOutputs;
  readonly #results = new Map<string, RecordedResult>();
  /** When the script started, by the hosts that have reported it. */
  readonly #begun = new Map<string, string>();
  /** Long outputs are on their way into files. */
  #moving: Promise<void> = Promise.resolve();
  readonly #heartbeat: ReturnType<typeof setInterval>;
  #scheduled: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** Nobody waits for its hosts until another process goes on with it. */
  #left = false;

  /**
   * @param durable the record survives a power cut: for a run that nobody waits for
   * @param before what it already has, if it is resumed
   */
  constructor(controller: StoreContext, facts: RunFacts, durable = false, before?: RecordBefore) {
    this.#controller = controller;
    this.#facts = facts;
    this.#file = recordFile(controller.config, facts.reqid);
    this.#outputs = new RunOutputs(controller, facts);
    const now = controller.now();
    this.#started = before?.started ?? isoSeconds(now);
    this.#began = before === undefined ? now.getTime() : before.began;
    this.#rollout = facts.rollout;
    const writer = identify(process.pid);
    this.#writer = writer && facts.rollout ? { ...writer, id: newRequestId() } : writer;
    this.#writes = new RecordWrites(controller, facts.reqid, this.#file, this.#writer?.id);
    this.#writes.takenOver.then(() => this.discard());
    for (const result of before?.results ?? []) this.#results.set(result.host, result);
    this.#heartbeat = setInterval(() => {
      const now = controller.now();
      utimes(this.#file, now, now).catch(() => undefined);
    }, HEARTBEAT_MS);
    this.stored = this.#writes.begin(() => this.#begin(durable));
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
      this.#writes.add(async () => {
        if (!this.#closed) await this.#write(false);
      });
    }, this.#writes.pauseMs);
  }

  get takenOver(): Promise<void> {
    return this.#writes.takenOver;
  }

  tell(message: RolloutMessage): void {
    const { told = [] } = this.#rollout ?? {};
    if (this.#rollout === undefined || this.#closed || told.length >= MOST_TOLD) return;
    this.#rollout = { ...this.#rollout, told: [...told, message] };
    this.#writeSoon();
  }

  async step(step: RolloutStep): Promise<StepNoted> {
    if (this.#rollout !== undefined) this.#rollout = { ...this.#rollout, ...step };
    this.#writes.add(async () => {
      if (!this.#closed) await this.#write(false, true);
    });
    const noted = await this.#writes.last;
    if (this.#writes.isTaken) return "taken-over";
    return noted ? "noted" : "not-noted";
  }

  /** Writes the final record. Never rejects. @returns whether all results are complete in it */
  async close(): Promise<boolean> {
    if (!this.#closed) {
      this.#takeNoMore();
      this.#writes.add(() => this.#finish());
    }
    return (await this.#writes.last) && this.#outputs.isWhole;
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
    this.#writes.add(async () => {
      await this.#write(false, true).catch(async (thrown) => {
        await this.#giveUp();
        throw thrown;
      });
    });
    await this.#writes.last;
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
      // A file that was there a moment ago is gone.
      this.#outputs.leftOut(thrown);
      this.#results.set(host, resultWithoutToken(withoutOutputs(result), token));
    }
  }

  /** Reserves room for the end of the run, so that it can be written even if the disk fills up in the meantime. */
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

  /** Writes everything, or as much as fits, with an error that says why it is incomplete. */
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
   * Marks the record like that of a run that has lost its process, so that nobody waits for results that will not
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

  /** For each host, like `ports`. */
  #begunTimes(): (string | null)[] {
    return this.#facts.hosts.map((host) => this.#begun.get(host) ?? null);
  }

  #json(ended: boolean, results: readonly RecordedResult[]): Generator<string> {
    const { reqid, script, hosts, ports, submitter, check_of } = this.#facts;
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
      began: this.#began,
      ...(check_of !== undefined && { check_of }),
      ports,
      rollout: this.#rollout,
      writer: ended || this.#left ? null : this.#writer,
      begun: ended || this.#begun.size === 0 ? undefined : this.#begunTimes(),
    });
  }
}
