/**
 * The run index lists the runs. It is built only from the run records, so it can be deleted at any time.
 *
 * A run never writes to it, neither when it starts nor when it ends: every query first brings the index up to date,
 * and once there is an index, so does `maintain`. So no run waits for it, the records remain the only truth, and it
 * costs nothing until somebody lists runs.
 *
 * One process at a time uses it, under a file lock. Waiting for that lock does not block the event loop of the API,
 * as SQLite's busy timeout would. The lock also makes it safe to replace the file.
 */
import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { type HeldLock, tryLock } from "../../system/files/lock.ts";
import { lockDatabase, removeDatabaseFile } from "./database-file.ts";
import type { StoreContext } from "./host.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type { ListedRuns, RunFilter } from "./ports/runs.ts";
import { longestRecord } from "./record-file.ts";
import { openIndexFile, openIndexInMemory } from "./run-index-file.ts";
import { listIndexed } from "./run-index-query.ts";
import { refreshRunIndex } from "./run-index-refresh.ts";
import { awaitedRollouts } from "./stored-runs.ts";

/** Enough for another process to rebuild the index from many records. */
const WAIT_MS = 60_000;

/** As the port describes it (RunStore.list). */
export async function listRuns(context: StoreContext, filter: RunFilter): Promise<ListedRuns> {
  const { config, now } = context;
  const { runs: folder, runIndex } = paths(config);
  const answer = async (index: Database): Promise<ListedRuns> => {
    const unread = await refreshRunIndex(index, folder, longestRecord(config));
    const detached = await awaitedRollouts(context);
    const { runs, damaged } = await listIndexed(index, filter, detached, config, now());
    return { runs, unreadable: [...unread, ...damaged] };
  };
  using lock = await lockIndex(context);
  try {
    if (lock !== undefined) return await withIndexFile(runIndex, answer);
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) throw thrown;
    logFailure(context, thrown);
  }
  // There is an answer even if the disk is full.
  using index = openIndexInMemory();
  return await answer(index);
}

/**
 * Undefined without the right to write here, on a read-only disk, and where nothing has been recorded.
 *
 * @throws CtrlExecError `busy`
 */
async function lockIndex({ config }: StoreContext): Promise<HeldLock | undefined> {
  // Reading creates no state_dir.
  if (!existsSync(paths(config).runs)) return undefined;
  return await lockDatabase(config, "run-index", WAIT_MS);
}

/** As the port describes it (RunStore.prepareList). */
export async function prepareRunIndex(context: StoreContext): Promise<void> {
  const { runs, runIndex } = paths(context.config);
  try {
    using lock = tryLock(lockPath(context.config, "run-index"));
    // The holder does the same work.
    if (lock === undefined) return;
    await withIndexFile(runIndex, async (index) => {
      await refreshRunIndex(index, runs, longestRecord(context.config));
    });
  } catch (thrown) {
    logFailure(context, thrown);
  }
}

/** If anything is wrong with the file, tries once more with a new one. */
async function withIndexFile<Value>(
  path: string,
  work: (index: Database) => Promise<Value>,
): Promise<Value> {
  try {
    using index = openIndexFile(path);
    return await work(index);
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) throw thrown;
    removeDatabaseFile(path);
    using index = openIndexFile(path);
    return await work(index);
  }
}

function logFailure({ config, log }: StoreContext, thrown: unknown): void {
  log({ event: "run-index-fail", error: messageOf(thrown), path: paths(config).runIndex });
}
