/** Reads run records: of runs under way, of runs whose process was lost, and of 0.8. */
import { stat } from "node:fs/promises";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import { isRequestId } from "../../core/request-id.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { JsonReader } from "../../core/wire/json-reader.ts";
import { readChunks } from "../../system/files/async-files.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { fileError } from "../../system/files/files.ts";
import { isRunning } from "../../system/process/process-id.ts";
import { type FoundRun, openRun } from "./found-run.ts";
import type { StoreContext } from "./host.ts";
import type { LeftOut } from "./ports/rollouts.ts";
import type { RecordedRun } from "./ports/runs.ts";
import { longestRecord, recordFile } from "./record-file.ts";
import { FileRollouts } from "./rollout-files.ts";
import { waitsFor } from "./rollout-order.ts";
import { LOST_AFTER_MS } from "./run-record.ts";
import { parseStoredRun } from "./stored-run.ts";

/** A text of at least this many characters is not parsed with the rest, which is parsed in one go. */
const LONG_TEXT = 4096;

/** The beginning of a record as written here: the submitter's name has at most 8 Ki characters. */
const BEGINNING = /^\{"reqid":"[0-9a-f]{16}","submitter":("[^"\\]*(?:\\.[^"\\]*)*"),/;
const BEGINNING_BYTES = 65_536;

/**
 * Who submitted the run, from the beginning of its record: cheap, whatever the hosts have printed (T67).
 * Undefined if there is no such record, or it does not say.
 */
export async function submitterOf(
  { config, now }: StoreContext,
  reqid: string,
): Promise<string | undefined> {
  if (!isRequestId(reqid)) return undefined;
  const file = recordFile(config, reqid);
  const age = await ageOf(file, now());
  if (age === undefined || age > config.run_retention * 1000) return undefined;
  for await (const chunk of readChunks(file, BEGINNING_BYTES)) {
    const found = BEGINNING.exec(chunk.toString("utf8"))?.[1];
    return found === undefined ? undefined : String(JSON.parse(found));
  }
  return undefined;
}

/**
 * The run so far; undefined if it is unknown or no longer kept.
 *
 * @param account what is read counts there until it is closed
 * @throws CtrlExecError `damaged` that names the run, `storage` if the file cannot be read, `busy` if there is
 * no room for it
 */
export async function readRunRecord(
  context: StoreContext,
  reqid: string,
  account: ReplyAccount,
): Promise<RunReportSoFar | undefined> {
  return (await readOpenRun(context, reqid, account))?.report;
}

/** The same, with what is needed to ask its hosts again. */
export async function readOpenRun(
  context: StoreContext,
  reqid: string,
  account: ReplyAccount,
): Promise<RecordedRun | undefined> {
  const stored = await readStoredRun(context, reqid, account);
  return stored && (await openRun(context, stored, new FileRollouts(context)));
}

export function recordVersion({ config }: StoreContext, reqid: string): string {
  return fileVersion(recordFile(config, reqid));
}

const NOBODY: LeftOut = new Map();

export async function readStoredRun(
  context: StoreContext,
  reqid: string,
  account: ReplyAccount,
): Promise<FoundRun | undefined> {
  const { config, now } = context;
  if (!isRequestId(reqid)) return undefined;
  const file = recordFile(config, reqid);
  const time = now();
  const age = await ageOf(file, time);
  if (age === undefined || age > config.run_retention * 1000) return undefined;
  const run = parseStoredRun(await readRecord(config, reqid, account), reqid);
  const { complete, writer } = run;
  const silent = age > LOST_AFTER_MS || writer === null;
  const alive = !complete && !silent && (!writer || isRunning(writer));
  const detached = complete || alive ? undefined : waitsFor(context, reqid);
  const touched = new Date(time.getTime() - age);
  const mayWait = !complete && run.rollout !== undefined && run.rollout.waiting.length > 0;
  const leftOut = mayWait ? await new FileRollouts(context).leftOut(reqid) : NOBODY;
  return { run, silent: silent && detached !== "waits", alive, touched, detached, leftOut };
}

/** The rollouts that a process goes on with, or that ctrl-exec-api will. */
export async function awaitedRollouts(context: StoreContext): Promise<readonly string[]> {
  const rollouts = new FileRollouts(context);
  const detached = await rollouts.detached();
  const waiting = detached.filter((reqid) => waitsFor(context, reqid) === "waits");
  return [...rollouts.owned(), ...waiting];
}

/** Undefined if it is not JSON, or longer than any that was written here. */
async function readRecord(
  config: ControllerConfig,
  reqid: string,
  account: ReplyAccount,
): Promise<unknown> {
  const share = account.openReply();
  const reader = new JsonReader(longestRecord(config), LONG_TEXT);
  for await (const chunk of readChunks(recordFile(config, reqid))) {
    if (!takes(reader, chunk)) return undefined;
    if (share.hold(reader.held)) continue;
    throw new CtrlExecError(
      "busy",
      `Cannot show run ${reqid}: there is not enough room for its record`,
      {
        hint: "max_replies in ctrl-exec.conf limits what is held at once. Try again later, or read the record itself.",
      },
    );
  }
  return reader.end();
}

function takes(reader: JsonReader, chunk: Uint8Array): boolean {
  try {
    reader.take(chunk);
    return true;
  } catch (thrown) {
    if (thrown instanceof CtrlExecError && thrown.code === "too-large") return false;
    throw thrown;
  }
}

/** Milliseconds since the last write; undefined if there is no such file. */
async function ageOf(file: string, now: Date): Promise<number | undefined> {
  try {
    return now.getTime() - (await stat(file)).mtimeMs;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return undefined;
    throw fileError("storage", "read", file, thrown);
  }
}
