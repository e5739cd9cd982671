/** How much disk space the records of runs and their outputs take up together (T69), and how long they are kept. */
import { opendir, rm, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { CtrlExecError, messageOf, systemCode } from "../../core/errors.ts";
import { isTemporary, removeIfDead } from "../../system/files/temporary-file.ts";
import type { StoreContext } from "./host.ts";
import { isInUse } from "./output-folder-lock.ts";
import { paths } from "./paths.ts";

const RECORD = /^([0-9a-f]{16})\.json$/;
const OUTPUTS = /^([0-9a-f]{16})\.d$/;

/** The folder is scanned when this process has written this many bytes since the last time. */
const LOOK_EVERY = 64 * 2 ** 20;
/** A process that writes little does not scan. */
const FIRST_LOOK = 2 ** 20;

/** What this process may still write before it scans again, by state_dir. */
const granted = new Map<string, number>();

/**
 * Makes room for this many more bytes by removing the oldest complete runs. False if there is not enough: only runs
 * under way are left.
 *
 * @throws CtrlExecError `storage` if the folder cannot be scanned
 */
export async function takeSpace(context: StoreContext, bytes: number): Promise<boolean> {
  const { state_dir, run_records_max } = context.config;
  const step = Math.max(bytes, Math.min(LOOK_EVERY, Math.floor(run_records_max / 16)));
  const left = granted.get(state_dir) ?? Math.min(FIRST_LOOK, step);
  if (left >= bytes) {
    granted.set(state_dir, left - bytes);
    return true;
  }
  const { taken } = await makeRoom(context, run_records_max - step);
  const room = Math.min(step, run_records_max - taken);
  granted.set(state_dir, Math.max(0, room - bytes));
  return room >= bytes;
}

/** After a record of this many bytes was written. Never rejects. */
export async function noteRecordWritten(context: StoreContext, bytes: number): Promise<void> {
  try {
    await takeSpace(context, bytes);
  } catch (thrown) {
    context.log({ event: "run-purge-fail", error: messageOf(thrown) });
  }
}

/**
 * Removes what has expired, the oldest beyond the budget, and what killed processes have left.
 *
 * @returns how many runs were removed
 */
export async function purgeRunRecords(context: StoreContext): Promise<number> {
  return (await makeRoom(context, context.config.run_records_max)).removed;
}

interface Found {
  readonly reqid: string;
  mtimeMs: number;
  /** Bytes of the record and the outputs. */
  size: number;
  hasRecord: boolean;
  hasOutputs: boolean;
}

/** @param most how many bytes all of them may take up together */
async function makeRoom(
  { config, log, now }: StoreContext,
  most: number,
): Promise<{ readonly removed: number; readonly taken: number }> {
  const folder = paths(config).runs;
  try {
    const found = await runsIn(folder);
    const since = now().getTime() - config.run_retention * 1000;
    let taken = found.reduce((sum, { size }) => sum + size, 0);
    let expired = 0;
    let pushedOut = 0;
    // A run under way touches its record, which is therefore not among the oldest. Outputs without a record belong to
    // no run, unless one has just begun.
    for (const run of found.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      const isOld = run.mtimeMs < since;
      if (!isOld && run.hasRecord && taken <= most) continue;
      if (!isOld && run.hasOutputs && isInUse(join(folder, `${run.reqid}.d`))) continue;
      await remove(folder, run);
      taken -= run.size;
      if (!run.hasRecord) continue;
      if (isOld) expired += 1;
      else pushedOut += 1;
    }
    if (pushedOut > 0) log({ event: "run-purge", count: pushedOut, reason: "run_records_max" });
    return { removed: expired + pushedOut, taken };
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return { removed: 0, taken: 0 };
    throw new CtrlExecError("storage", `Cannot purge ${folder}: ${messageOf(cause)}`, { cause });
  }
}

/** Outputs without a record are found, and removed, once it is gone. */
async function remove(folder: string, { reqid }: Found): Promise<void> {
  await unlink(join(folder, `${reqid}.json`)).catch(ignoreMissing);
  await rm(join(folder, `${reqid}.d`), { recursive: true, force: true });
}

async function runsIn(folder: string): Promise<Found[]> {
  const found = new Map<string, Found>();
  const of = (reqid: string) => {
    const known = found.get(reqid);
    if (known !== undefined) return known;
    const run = { reqid, mtimeMs: 0, size: 0, hasRecord: false, hasOutputs: false };
    found.set(reqid, run);
    return run;
  };
  for await (const { name } of await opendir(folder)) {
    const path = join(folder, name);
    if (isTemporary(name)) removeIfDead(path);
    const record = RECORD.exec(name)?.[1];
    const outputs = OUTPUTS.exec(name)?.[1];
    const reqid = record ?? outputs;
    const facts = reqid === undefined ? undefined : await stat(path).catch(ignoreMissing);
    if (reqid === undefined || facts === undefined) continue;
    const run = of(reqid);
    // Creating a file in a folder touches the folder, but writing to one does not: the record says more.
    run.mtimeMs = Math.max(run.mtimeMs, facts.mtimeMs);
    if (record !== undefined) run.hasRecord = true;
    else run.hasOutputs = true;
    run.size += record === undefined ? await sizeOf(path) : facts.size;
  }
  return [...found.values()];
}

async function sizeOf(folder: string): Promise<number> {
  let size = 0;
  try {
    for await (const { name } of await opendir(folder)) {
      size += (await stat(join(folder, name)).catch(ignoreMissing))?.size ?? 0;
    }
  } catch (thrown) {
    // It was removed in the meantime, or is not a folder.
    if (systemCode(thrown) !== "ENOENT" && systemCode(thrown) !== "ENOTDIR") throw thrown;
  }
  return size;
}

/** Another purge may have removed it first. */
function ignoreMissing(thrown: unknown): undefined {
  if (systemCode(thrown) !== "ENOENT") throw thrown;
}
