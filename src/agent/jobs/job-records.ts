/**
 * Reads the files of a job's folder. Another version may have written them, and a crash may have cut them. They are
 * read by hand, because schemas would cost memory even in an agent without jobs.
 */
import { dropUndefined, isArrayOfText } from "../../core/json.ts";
import { isEndState, type RunEnding } from "../../core/run-event.ts";
import { parseIso } from "../../core/time.ts";
import type { ProcessId } from "../../system/process/process-id.ts";
import { bootId } from "../../system/process/process-table.ts";
import type { JobCancel, JobFolder, JobHead, JobStart } from "./job-folder.ts";

/** What is known of a job. */
export interface JobRecord {
  readonly head: JobHead;
  /** Undefined if its script has not been started, or has ended at once, as far as is known. */
  readonly start: JobStart | undefined;
  /** Undefined if it has not ended, as far as is known. */
  readonly ending: RunEnding | undefined;
  readonly logged: boolean;
}

/** Undefined if its folder is half made, or half removed. */
export function recordIn(folder: JobFolder): JobRecord | undefined {
  const { request, start, end, logged } = folder.read();
  const head = headOf(request);
  const known = { start: startOf(start), ending: endingOf(end), logged: logged === true };
  return head && { head, ...known };
}

function headOf(value: unknown): JobHead | undefined {
  const { reqid, script, args, username, peer_ip, hub, asked, shim } = membersOf(value);
  const id = processId(shim);
  if (!isText(reqid) || !isText(script) || !isArrayOfText(args) || !isText(username)) {
    return undefined;
  }
  if (!isText(peer_ip) || !isTime(asked) || id === undefined) return undefined;
  const via = isText(hub) ? hub : undefined;
  return { reqid, script, args, username, peer_ip, hub: via, asked, shim: id };
}

function startOf(value: unknown): JobStart | undefined {
  const { root, started, alone } = membersOf(value);
  const id = processId(root);
  if (id === undefined || !isTime(started)) return undefined;
  return alone === true ? { root: id, started, alone } : { root: id, started };
}

/** Who has asked for its end, and what came of that; undefined if nobody has. */
export function cancelIn(folder: JobFolder): JobCancel | undefined {
  const { by, graceMs, left } = membersOf(folder.readCancel());
  if (!isText(by) || !isCount(graceMs)) return undefined;
  return left === undefined ? { by, graceMs } : { by, graceMs, left: isCount(left) ? left : 0 };
}

/** Undefined if nobody has asked for its end, or if everything has been tried. */
export function unfinishedCancelIn(folder: JobFolder): JobCancel | undefined {
  const cancel = cancelIn(folder);
  return cancel?.left === undefined ? cancel : undefined;
}

/** What could not be ended of it, and may still be running: nothing of an earlier boot can be. */
export function remainsIn(folder: JobFolder): readonly ProcessId[] {
  const { remains } = folder.read();
  if (!Array.isArray(remains)) return [];
  return remains.flatMap((each) => processId(each) ?? []).filter(({ boot }) => boot === bootId());
}

function endingOf(value: unknown): RunEnding | undefined {
  const told = membersOf(value);
  const { state, exit, started, ended, stdout_bytes, stderr_bytes } = told;
  if (!isEndState(state) || !Number.isInteger(exit) || !isTime(ended)) return undefined;
  if (!isText(started) || !isCount(stdout_bytes) || !isCount(stderr_bytes)) return undefined;
  const { signal, timed_out, cancelled, cancelled_by, error } = told;
  const optional = dropUndefined({
    signal: isText(signal) ? signal : undefined,
    timed_out: timed_out === true || undefined,
    cancelled: cancelled === true || undefined,
    cancelled_by: isText(cancelled_by) ? cancelled_by : undefined,
    error: isText(error) ? error : undefined,
  });
  return { state, exit: Number(exit), ...optional, started, ended, stdout_bytes, stderr_bytes };
}

/** The members of an object; none of anything else. */
function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isTime(value: unknown): value is string {
  return isText(value) && parseIso(value) !== undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function processId(value: unknown): ProcessId | undefined {
  const { pid, start, boot } = membersOf(value);
  return isCount(pid) && isCount(start) && isText(boot) ? { pid, start, boot } : undefined;
}
