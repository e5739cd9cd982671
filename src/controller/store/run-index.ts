/**
 * The run index: which runs there were, beside the run records and made from them alone, so that it may be
 * thrown away at any time.
 *
 * Nobody writes it when a run starts or ends: whoever asks brings it up to date first, and so does `maintain`. A
 * run thus never waits for it, the records stay the one truth, and an index that nobody asks costs nothing.
 *
 * One process at a time uses it, under a lock that it waits for without blocking; SQLite's own waiting would
 * block the event loop of the API. The lock also makes it safe to replace the file.
 */
import type { Database } from "bun:sqlite";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { takeLock, tryLock } from "../../system/files/lock.ts";
import type { StoreContext } from "./host.ts";
import { lockPath, paths } from "./paths.ts";
import type { ListedRuns, RunFilter } from "./ports.ts";
import { openIndexFile, openIndexInMemory, removeIndexFile } from "./run-index-file.ts";
import { listIndexed } from "./run-index-query.ts";
import { refreshRunIndex } from "./run-index-refresh.ts";

/** Long enough for whoever makes it anew from many records. */
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
    // On a disk that is full or read-only there is still an answer.
    using index = openIndexInMemory();
    return await answer(index);
  }
}

/** As the port says (RunStore.prepareList). */
export async function prepareRunIndex(context: StoreContext): Promise<void> {
  const { runs, runIndex } = paths(context.config);
  try {
    using lock = tryLock(lockPath(context.config, "run-index"));
    // Whoever holds it does the same.
    if (lock === undefined) return;
    await withIndexFile(runIndex, async (index) => void (await refreshRunIndex(index, runs)));
  } catch (thrown) {
    logFailure(context, thrown);
  }
}

/** Once more with a new file where anything is wrong with this one. */
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
