/**
 * Run records: `runs/<reqid>.json` (PROTOCOL section 4), from the moment a run is accepted. A record
 * never holds a token (T27) and never the arguments, which may be as secret.
 */
import { opendir, stat, unlink, utimes } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import type { ControllerConfig } from "../core/controller-config.ts";
import { CtrlExecError, messageOf, systemCode } from "../core/errors.ts";
import { dropUndefined } from "../core/json.ts";
import { jsonPieces } from "../core/json-pieces.ts";
import { resultWithoutToken } from "../core/redact.ts";
import { isRequestId } from "../core/request-id.ts";
import type { RunReportSoFar, RunResult } from "../core/results.ts";
import { isoSeconds } from "../core/time.ts";
import { readTextIfPresentAsync, writeWholeAsync } from "../system/async-files.ts";
import { ensureFolder, fileError } from "../system/files.ts";
import { type Controller, paths } from "./controller.ts";

const RECORD_MODE = 0o640;

/** Between two writes of a run under way, at least; and twenty times what the last one took. */
const WRITE_PAUSE_MS = 1000;
const WRITE_SHARE = 20;

/** A run under way touches its record this often; one untouched for longer has lost its process. */
const HEARTBEAT_MS = 10_000;
const LOST_AFTER_MS = 60_000;

const LOST = "ctrl-exec ended before this host answered; the script may have run";

export interface RunFacts {
  readonly reqid: string;
  readonly script: string;
  readonly hosts: readonly string[];
  readonly submitter: string;
  /** What must not reach the record. */
  readonly token: string;
}

/** The record of a run under way. A record that cannot be written is logged and stops nothing. */
export class RunRecord {
  /** Resolves when the record can be read, or could not be written. */
  readonly stored: Promise<void>;
  readonly #controller: Controller;
  readonly #facts: RunFacts;
  readonly #file: string;
  readonly #started: Date;
  readonly #results = new Map<string, RunResult>();
  readonly #heartbeat: ReturnType<typeof setInterval>;
  #writing: Promise<void> = Promise.resolve();
  #scheduled: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = WRITE_PAUSE_MS;
  #closed = false;

  constructor(controller: Controller, facts: RunFacts) {
    this.#controller = controller;
    this.#facts = facts;
    this.#file = recordFile(controller.config, facts.reqid);
    this.#started = controller.now();
    this.#heartbeat = setInterval(() => {
      const now = controller.now();
      utimes(this.#file, now, now).catch(() => undefined);
    }, HEARTBEAT_MS);
    this.stored = this.#write(false);
  }

  add(result: RunResult): void {
    if (this.#closed) return;
    this.#results.set(result.host, resultWithoutToken(result, this.#facts.token));
    this.#scheduled ??= setTimeout(() => {
      this.#scheduled = undefined;
      void this.#write(false);
    }, this.#pauseMs);
  }

  /** Writes the final record; hosts without a result get one that says `reason`. Never rejects. */
  async close(reason: string): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      clearTimeout(this.#scheduled);
      clearInterval(this.#heartbeat);
      for (const host of this.#facts.hosts) {
        if (!this.#results.has(host))
          this.#results.set(host, lostResult(this.#facts, host, reason));
      }
      void this.#write(true);
    }
    await this.#writing;
  }

  /** One write at a time, in order. */
  #write(final: boolean): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#closed && !final) return;
      const started = performance.now();
      try {
        ensureFolder(paths(this.#controller.config).runs, 0o750);
        await writeWholeAsync(this.#file, this.#json(final), RECORD_MODE, final);
      } catch (thrown) {
        const { log } = this.#controller;
        log("warning", "run-store-fail", { ERROR: messageOf(thrown), REQID: this.#facts.reqid });
      }
      this.#pauseMs = Math.max(WRITE_PAUSE_MS, WRITE_SHARE * (performance.now() - started));
    });
    return this.#writing;
  }

  *#json(complete: boolean): Generator<string> {
    const { reqid, script, hosts, submitter } = this.#facts;
    yield* jsonPieces({
      reqid,
      script,
      hosts,
      results: hosts.flatMap((host) => this.#results.get(host) ?? []),
      completed: complete ? isoSeconds(this.#controller.now()) : null,
      complete,
      started: isoSeconds(this.#started),
      submitter,
    });
    yield "\n";
  }
}

/** The result of a host whose answer nobody waits for any more. */
export function lostResult(
  run: { readonly script: string; readonly reqid: string },
  host: string,
  reason: string,
): RunResult {
  const { script, reqid } = run;
  return { host, script, exit: -1, stdout: "", stderr: "", rtt: "", reqid, error: reason };
}

const text = z.pipe(
  z.nullish(z.string()),
  z.transform((value) => value ?? ""),
);
const moment = z.nullish(z.union([z.string(), z.pipe(z.number(), z.transform(epochToIso))]));

const storedResult = z.object({
  host: z.string(),
  script: z.string(),
  exit: z.coerce.number().check(z.int()),
  stdout: text,
  stderr: text,
  rtt: text,
  reqid: text,
  error: z.optional(z.string()),
  stdout_b64: z.optional(z.string()),
  stderr_b64: z.optional(z.string()),
  signal: z.optional(z.string()),
  timed_out: z.optional(z.boolean()),
  stdout_dropped: z.optional(z.number()),
  stderr_dropped: z.optional(z.number()),
});

/** Records of 0.8 have the first five members and are complete. */
const storedRun = z.object({
  reqid: z.string(),
  script: z.string(),
  hosts: z.array(z.string()),
  results: z.array(storedResult),
  completed: moment,
  complete: z._default(z.boolean(), true),
  started: text,
  submitter: text,
});

function epochToIso(seconds: number): string {
  return isoSeconds(new Date(Math.min(seconds, 253_402_300_799) * 1000));
}

/**
 * The run as far as it has come; undefined when nothing is known of it, or no longer.
 *
 * @throws CtrlExecError `damaged` that names the run, `storage` when the file cannot be read
 */
export async function readRunRecord(
  { config, now }: Controller,
  reqid: string,
): Promise<RunReportSoFar | undefined> {
  if (!isRequestId(reqid)) return undefined;
  const file = recordFile(config, reqid);
  const age = await ageOf(file, now());
  if (age === undefined || age > config.run_retention * 1000) return undefined;
  const content = await readTextIfPresentAsync(file);
  if (content === undefined) return undefined;
  const run = parseRecord(content, reqid);
  const results: RunResult[] = run.results.map(dropUndefined);
  const done = new Set(results.map(({ host }) => host));
  const missing = run.hosts.filter((host) => !done.has(host));
  const lost = !run.complete && age > LOST_AFTER_MS;
  const complete = run.complete || lost;
  return {
    reqid,
    script: run.script,
    hosts: run.hosts,
    results: lost ? [...results, ...missing.map((host) => lostResult(run, host, LOST))] : results,
    pending: complete ? [] : missing,
    complete,
    submitter: run.submitter,
    started: run.started,
    completed: run.completed ?? (complete ? isoSeconds(new Date(now().getTime() - age)) : null),
  };
}

function parseRecord(content: string, reqid: string): z.output<typeof storedRun> {
  try {
    return storedRun.parse(JSON.parse(content));
  } catch (cause) {
    throw new CtrlExecError("damaged", `Cannot read the record of run ${reqid}: it is damaged`, {
      cause,
    });
  }
}

/** Milliseconds since the last write; undefined when there is no such file. */
async function ageOf(file: string, now: Date): Promise<number | undefined> {
  try {
    return now.getTime() - (await stat(file)).mtimeMs;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw fileError("storage", "read", file, thrown);
  }
}

/** Removes the records whose time is over, and what a crash left beside them. @returns how many */
export async function purgeRunRecords({ config, now }: Controller): Promise<number> {
  const folder = paths(config).runs;
  let removed = 0;
  try {
    for await (const { name } of await opendir(folder)) {
      if (!/^(\.?[0-9a-f]{16}\.json(\.[0-9a-f]+\.tmp)?)$/.test(name)) continue;
      const file = join(folder, name);
      const age = await ageOf(file, now());
      if (age === undefined || age <= config.run_retention * 1000) continue;
      await unlink(file).catch(ignoreMissing);
      removed += 1;
    }
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return removed;
    throw new CtrlExecError("storage", `Cannot purge ${folder}: ${messageOf(cause)}`, { cause });
  }
  return removed;
}

/** Another purge may have been faster. */
function ignoreMissing(thrown: unknown): void {
  if (systemCode(thrown) !== "ENOENT") throw thrown;
}

/** A request id is checked before it is part of a path (T17). */
function recordFile(config: ControllerConfig, reqid: string): string {
  if (!isRequestId(reqid)) {
    throw new CtrlExecError("bad-request", `Cannot use "${reqid}": not a request id`);
  }
  return join(paths(config).runs, `${reqid}.json`);
}
