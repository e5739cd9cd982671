/** A lock of a host and script: an flock on a file, which the kernel releases when the process dies. */
import { join } from "node:path";
import * as z from "zod/mini";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { addDays } from "../../core/time.ts";
import { ensureFolder, listFiles, readTextIfPresent } from "../../system/files/files.ts";
import { type HeldLock, isHeld, removeUnusedLock, tryLock } from "../../system/files/lock.ts";
import { descriptorLimit, workDescriptors } from "../../system/process/descriptors.ts";
import type { StoreContext } from "./host.ts";
import { lockFileName } from "./lock-file-name.ts";
import { paths } from "./paths.ts";
import type {
  HeldRunLock,
  LockStore,
  RunLockHolder,
  RunLockKey,
  TakenLocks,
  WantedRunLock,
} from "./ports/locks.ts";

const lockHolder = z.object({
  host: z.string(),
  port: z.optional(z.number()),
  script: z.string(),
  pid: z.int(),
  user: z.string(),
  since: z.string(),
  reqid: z.string(),
});

export class FileLocks implements LockStore {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async take(wanted: readonly WantedRunLock[]): Promise<TakenLocks> {
    const folder = this.#folder;
    ensureFolder(folder, 0o750);
    takeDescriptors(wanted.length);
    const held: HeldLock[] = [];
    const conflicts: RunLockKey[] = [];
    const giveUp = () => {
      for (const lock of held) lock.release();
      workDescriptors().giveBack(wanted.length);
    };
    try {
      for (const { key } of wanted) {
        const lock = tryLock(join(folder, lockFileName(key.host, key.script, key.port)));
        if (lock === undefined) conflicts.push(key);
        else held.push(lock);
      }
    } catch (thrown) {
      giveUp();
      throw thrown;
    }
    if (conflicts.length > 0) {
      giveUp();
      return { kind: "conflict", conflicts };
    }
    wanted.forEach(({ holder }, at) => {
      held[at]?.describe(`${JSON.stringify(holder)}\n`);
    });
    return { kind: "held", held: held.map(asRunLock) };
  }

  async holders(): Promise<readonly RunLockHolder[]> {
    const folder = this.#folder;
    return listFiles(folder).flatMap((name) => {
      const file = join(folder, name);
      // The file of a free lock is empty, unless its holder was killed.
      if (!name.endsWith(".lock") || (readTextIfPresent(file) ?? "") === "") return [];
      if (!isHeld(file)) return [];
      return readJsonAs(lockHolder, readTextIfPresent(file) ?? "") ?? [];
    });
  }

  /** Each host and script leaves a lock file. */
  async dropUnused(): Promise<number> {
    const folder = this.#folder;
    const before = addDays(this.#context.now(), -1);
    return listFiles(folder).filter(
      (name) => name.endsWith(".lock") && removeUnusedLock(join(folder, name), before),
    ).length;
  }

  get #folder(): string {
    return paths(this.#context.config).locks;
  }
}

function asRunLock(lock: HeldLock): HeldRunLock {
  return {
    async release() {
      try {
        lock.release();
      } catch {
        // close(2) frees the descriptor, and with it the lock, whatever it returns.
      }
      workDescriptors().giveBack(1);
    },
  };
}

/** A run that holds its locks needs some more descriptors to call its hosts. */
const MIN_CONNECTIONS = 4;

/**
 * Each lock is an open file: a run that needs more than there are is refused before it holds any.
 *
 * @throws CtrlExecError `busy`
 */
function takeDescriptors(count: number): void {
  const descriptors = workDescriptors();
  if (descriptors.hasFree(count + MIN_CONNECTIONS) && descriptors.take(count)) return;
  throw new CtrlExecError(
    "busy",
    `Cannot lock ${count} hosts at once: this process may open ${descriptorLimit()} files (ulimit -n), of which ${descriptors.free} are left for this`,
    {
      hint: "Raise the limit (ulimit -n, or LimitNOFILE= of the service), or name fewer hosts at once.",
    },
  );
}
