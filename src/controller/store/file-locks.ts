/** A lock of a host and script: an flock on a file, which the kernel releases when the process dies. */
import { basename, join } from "node:path";
import * as z from "zod/mini";
import { CtrlExecError } from "../../core/errors.ts";
import { readJsonAs } from "../../core/json.ts";
import { ensureFolder, readTextIfPresent } from "../../system/files/files.ts";
import { type HeldLock, isHeld, tryLock } from "../../system/files/lock.ts";
import { descriptorLimit, workDescriptors } from "../../system/process/descriptors.ts";
import type { StoreContext } from "./host.ts";
import { lockFileName, readLockFileName } from "./lock-file-name.ts";
import { countUnusedLocks, dropUnusedLocks, lockFiles } from "./lock-files.ts";
import { paths } from "./paths.ts";
import type {
  HeldRunLock,
  HolderFound,
  LockStore,
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
    const held: (HeldLock | undefined)[] = [];
    const conflicts: RunLockKey[] = [];
    const giveUp = () => {
      for (const lock of held) lock?.release();
      workDescriptors().giveBack(wanted.length);
    };
    try {
      let open = wanted.map((each, at) => ({ ...each, at }));
      for (const pause of [0, LOOK_MS]) {
        if (open.length === 0) break;
        if (pause > 0) await Bun.sleep(pause);
        open = open.filter(({ key, holder, at }) => {
          held[at] = tryLock(fileOf(folder, key));
          // At once: until then, others find the name of the previous holder.
          held[at]?.describe(`${JSON.stringify(holder)}\n`);
          return held[at] === undefined;
        });
      }
      conflicts.push(...open.map(({ key }) => key));
    } catch (thrown) {
      giveUp();
      throw thrown;
    }
    if (conflicts.length > 0) {
      giveUp();
      const runs = conflicts.flatMap((key) => this.#holderIn(fileOf(folder, key))?.reqid ?? []);
      return { kind: "conflict", conflicts, runs: [...new Set(runs)] };
    }
    return { kind: "held", held: held.flatMap((lock) => (lock ? [asRunLock(lock)] : [])) };
  }

  async holders(): Promise<readonly HolderFound[]> {
    return lockFiles(this.#folder).flatMap((file) =>
      isHeld(file) ? (this.#holderIn(file) ?? unwritten(basename(file))) : [],
    );
  }

  #holderIn(file: string): z.output<typeof lockHolder> | undefined {
    return readJsonAs(lockHolder, readTextIfPresent(file) ?? "");
  }

  async countUnused(since: Date): Promise<number> {
    return countUnusedLocks(this.#folder, since);
  }

  /** Each host and script leaves a lock file. */
  async dropUnused(): Promise<number> {
    return dropUnusedLocks(this.#folder, this.#context.now());
  }

  get #folder(): string {
    return paths(this.#context.config).locks;
  }
}

function fileOf(folder: string, { host, script, port }: RunLockKey): string {
  return join(folder, lockFileName(host, script, port));
}

/** On a full disk, a holder can lock but cannot say who it is. */
function unwritten(name: string): HolderFound {
  return { ...readLockFileName(name), pid: null, user: null, since: null, reqid: null };
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

/** A process that checks whether a lock is held takes it for much less than this. */
const LOOK_MS = 10;

/** A run that holds its locks needs some more descriptors to call its hosts. */
const MIN_CONNECTIONS = 4;

/**
 * Each lock is an open file: a run that needs more than are left is refused before it holds any.
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
