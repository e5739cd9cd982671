/** The file of a database that can be removed at any time: its contents are built or learned again. */
import { Database, constants as sqlite } from "bun:sqlite";
import { closeSync, constants, lstatSync, openSync, rmSync } from "node:fs";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { asCtrlExecError, systemCode } from "../../core/errors.ts";
import { isDenied } from "../../system/files/files.ts";
import { type HeldLock, takeLock } from "../../system/files/lock.ts";
import { requirePlain } from "../../system/files/plain-file.ts";
import { lockPath } from "./lock-path.ts";

export interface DatabaseKind {
  readonly schema: string;
  /** Everything besides its schema that makes a file one of this kind. */
  readonly mark: string;
  /** OFF: no write waits for the disk. NORMAL: what was written before the last checkpoint survives a power cut. */
  readonly synchronous: "OFF" | "NORMAL";
}

/**
 * A process that closes it, as each does when it ends, holds it exclusively for a moment, and other processes that
 * open or read it then would be refused. The wait blocks the event loop, so it is short.
 */
const OTHERS_CLOSE = "PRAGMA busy_timeout = 1000";

/** Pages moved from the WAL into the file at once; more would block the event loop for longer. */
const CHECKPOINT_PAGES = 100;

/**
 * Opens it, or creates it. In WAL mode, so that somebody who reads it with sqlite3 blocks nobody.
 *
 * @throws Error if it is damaged, or of another kind
 */
export function openDatabaseFile(path: string, kind: DatabaseKind): Database {
  requirePlainFiles(path);
  makeFile(path);
  const database = openDatabaseAsItIs(path);
  try {
    database.run("PRAGMA journal_mode = WAL");
    database.run(`PRAGMA synchronous = ${kind.synchronous}`);
    database.run(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    requireKind(database, kind);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** SQLite would wait for the writer of a FIFO. @throws Error if one of its files is not a plain file */
export function requirePlainFiles(path: string): void {
  for (const file of [path, ...sideFiles(path)]) {
    const facts = lstatSync(file, { throwIfNoEntry: false });
    if (facts !== undefined) requirePlain(facts);
  }
}

/** Changes nothing in it. A link in its place is not followed. @throws Error */
export function openDatabaseAsItIs(path: string): Database {
  const database = new Database(path, sqlite.SQLITE_OPEN_READWRITE | sqlite.SQLITE_OPEN_NOFOLLOW);
  database.run(OTHERS_CLOSE);
  return database;
}

/**
 * The lock for writing, opening or replacing it; undefined without the right to write there, and on a read-only disk.
 *
 * @throws CtrlExecError `busy` if another process has it for `waitMs`
 */
export async function lockDatabase(
  config: ControllerConfig,
  name: "learned" | "run-index",
  waitMs?: number,
): Promise<HeldLock | undefined> {
  try {
    return await takeLock(lockPath(config, name), waitMs);
  } catch (thrown) {
    if (isDenied(thrown) || asCtrlExecError(thrown).code === "storage") return undefined;
    throw thrown;
  }
}

/** For users who may not write here. @throws Error as above */
export function openDatabaseToRead(path: string): Database {
  const database = new Database(path, { readonly: true });
  database.run(OTHERS_CLOSE);
  return database;
}

/** Faults that a new file would not correct. */
const SURROUNDINGS = /^(E|SQLITE_(BUSY|LOCKED|FULL|READONLY|CANTOPEN|IOERR|NOMEM|PERM))/;

/** Whether the fault is not in the file itself. */
export function isOfSurroundings(thrown: unknown): boolean {
  return SURROUNDINGS.test(systemCode(thrown));
}

/** Only the holder of its lock may call this: SQLite does not notice that an open file was replaced. */
export function removeDatabaseFile(path: string): void {
  for (const file of [path, ...sideFiles(path)]) rmSync(file, { force: true });
}

/**
 * SQLite would make it readable for everyone. If the file exists, it is not opened: closing it would drop SQLite's
 * locks on it.
 */
function makeFile(path: string): void {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  try {
    closeSync(openSync(path, O_RDWR | O_CREAT | O_EXCL, 0o640));
  } catch (thrown) {
    if (systemCode(thrown) !== "EEXIST") throw thrown;
  }
}

function sideFiles(path: string): readonly string[] {
  return ["-wal", "-shm", "-journal"].map((ending) => path + ending);
}

function requireKind(database: Database, { schema, mark }: DatabaseKind): void {
  const stamp = Bun.hash.crc32(schema + mark) | 0;
  const { user_version: found } = database
    .query<{ user_version: number }, []>("PRAGMA user_version")
    .get() ?? { user_version: 0 };
  if (found === stamp) return;
  if (database.query("SELECT 1 FROM sqlite_schema").get() !== null) {
    throw new Error("it has another version, or is from before the last boot");
  }
  database.transaction(() => {
    database.run(schema);
    database.run(`PRAGMA user_version = ${stamp}`);
  })();
}
