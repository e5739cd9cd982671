/** Limits how long run records are kept, and how much disk they take together (T69). */
import { opendir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { CtrlExecError, messageOf, systemCode } from "../../core/errors.ts";
import { isTemporary, removeIfDead } from "../../system/files/temporary-file.ts";
import type { StoreContext } from "./host.ts";
import { paths } from "./paths.ts";

const RECORD = /^[0-9a-f]{16}\.json$/;

/** The folder is checked when this process has written this much since the last check: bytes. */
const LOOK_EVERY = 64 * 2 ** 20;
/** A process that writes only one record checks if that is a long one. */
let unseen = LOOK_EVERY - 2 ** 20;

/**
 * Called after a record of this many bytes was written: once there are many, the oldest make room. Never
 * rejects.
 */
export async function noteRecordWritten(controller: StoreContext, bytes: number): Promise<void> {
  unseen += bytes;
  if (unseen < Math.min(LOOK_EVERY, controller.config.max_records)) return;
  unseen = 0;
  try {
    await purgeRunRecords(controller);
  } catch (thrown) {
    controller.log({ event: "run-purge-fail", error: messageOf(thrown) });
  }
}

interface Found {
  readonly file: string;
  readonly mtimeMs: number;
  readonly size: number;
}

/**
 * Removes expired records, then the oldest until the others fit in max_records. A run under way touches its
 * record, which is therefore not among the oldest. Also removes what killed writes have left.
 *
 * @returns how many records were removed
 */
export async function purgeRunRecords({ config, log, now }: StoreContext): Promise<number> {
  const folder = paths(config).runs;
  try {
    const found = await recordsIn(folder);
    const over = now().getTime() - config.run_retention * 1000;
    const expired = found.filter(({ mtimeMs }) => mtimeMs < over);
    const newest = found
      .filter(({ mtimeMs }) => mtimeMs >= over)
      .sort((a, b) => b.mtimeMs - a.mtimeMs);
    let space = 0;
    const tooMuch = newest.filter(({ size }) => {
      space += size;
      return space > config.max_records;
    });
    for (const { file } of [...expired, ...tooMuch]) await unlink(file).catch(ignoreMissing);
    if (tooMuch.length > 0)
      log({ event: "run-purge", count: tooMuch.length, reason: "max_records" });
    return expired.length + tooMuch.length;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return 0;
    throw new CtrlExecError("storage", `Cannot purge ${folder}: ${messageOf(cause)}`, { cause });
  }
}

async function recordsIn(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for await (const { name } of await opendir(folder)) {
    const file = join(folder, name);
    if (isTemporary(name)) removeIfDead(file);
    if (!RECORD.test(name)) continue;
    const facts = await stat(file).catch(ignoreMissing);
    if (facts !== undefined) found.push({ file, mtimeMs: facts.mtimeMs, size: facts.size });
  }
  return found;
}

/** Another purge may have removed it first. */
function ignoreMissing(thrown: unknown): undefined {
  if (systemCode(thrown) !== "ENOENT") throw thrown;
}
