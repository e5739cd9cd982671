/**
 * The run index lists the runs. It is built from the run records alone, so it can be deleted at any time.
 *
 * A run never writes it, at its start or its end: every query first brings the index up to date, and once there is
 * one, so does `maintain`. So no run waits for it, the records stay the only truth, and it costs nothing until
 * somebody lists.
 *
 * One process at a time uses it, under a file lock. Waiting for that lock does not block the event loop of the
 * API, as SQLite's busy timeout would. The lock also makes it safe to replace the file.
 */
import type { Database } from "bun:sqlite";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { takeLock, tryLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { lockPath, paths } from "./paths.ts";
import type { ListedRuns, RunFilter } from "./ports/runs.ts";
import { openIndexFile, openIndexInMemory, removeIndexFile } from "./run-index-file.ts";
import { listIndexed } from "./run-index-query.ts";
import { refreshRunIndex } from "./run-index-refresh.ts";

/** Enough for another process to rebuild the index from many records. */
const WAIT_MS = 60_000;

/** As the port says (RunStore.list). */
export async function listRuns(context: StoreContext, filter: RunFilter): Promise<ListedRuns> {
  const { config, now } = context;
  const answer = async (index: Database): Promise<ListedRuns> => {
    const unread = await refreshRunIndex(index, paths(config).runs);
    const { runs, damaged } = listIndexed(index, filter, config, now());
    return { runs, unreadable: unread + damaged };
  };
  using _lock = await takeLock(lockPath(config, "run-index"), WAIT_MS);
  try {
    return await withIndexFile(paths(config).runIndex, answer);
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) throw thrown;
    logFailure(context, thrown);
    // There is an answer even if the disk is full or read-only.
    using index = openIndexInMemory();
    return await answer(index);
  }
}

/** As the port says (RunStore.prepareList). */
export async function prepareRunIndex(context: StoreContext): Promise<void> {
  const { runs, runIndex } = paths(context.config);
  try {
    using lock = tryLock(lockPath(context.config, "run-index"));
    // The holder does the same work.
    if (lock === undefined) return;
    await withIndexFile(runIndex, async (index) => void (await refreshRunIndex(index, runs)));
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
    removeIndexFile(path);
    using index = openIndexFile(path);
    return await work(index);
  }
}

function logFailure({ config, log }: StoreContext, thrown: unknown): void {
  log({ event: "run-index-fail", error: messageOf(thrown), path: paths(config).runIndex });
}
