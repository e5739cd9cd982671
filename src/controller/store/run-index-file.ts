/** The file of the run index: a database without any fact of its own. */
import { Database, constants as sqlite } from "bun:sqlite";
import { closeSync, constants, fstatSync, lstatSync, openSync, rmSync } from "node:fs";
import { readTextIfPresent } from "../../system/files/files.ts";
import { requirePlain } from "../../system/files/plain-file.ts";

/**
 * `version` is the record file's (system/files/file-version.ts); times are in milliseconds. A damaged record has no
 * script, and a host without a result has neither state nor `failed`. `name` is the host's name for lookups.
 */
const SCHEMA = `
CREATE TABLE run (
  reqid TEXT PRIMARY KEY, version TEXT NOT NULL, touched INTEGER NOT NULL, began INTEGER NOT NULL,
  script TEXT, submitter TEXT, started TEXT, completed TEXT, silent INTEGER
) WITHOUT ROWID;
CREATE INDEX run_began ON run (began);
CREATE TABLE run_host (
  reqid TEXT, position INTEGER, host TEXT NOT NULL, name TEXT NOT NULL, state TEXT, exit INTEGER,
  failed INTEGER, cancelled INTEGER,
  PRIMARY KEY (reqid, position)
) WITHOUT ROWID;
CREATE INDEX run_host_name ON run_host (name, reqid);
`;

/** Pages moved from the WAL into the file at once; more would block the event loop for longer. */
const CHECKPOINT_PAGES = 100;

/**
 * Opens the index, or creates it.
 *
 * WAL mode, so that somebody who reads it with sqlite3 blocks nobody. No write waits for the disk: the kernel
 * keeps what a killed process has written, and after a power cut the stamp no longer matches.
 *
 * @throws Error if it is damaged, has another version, or is from before the last boot
 */
export function openIndexFile(path: string): Database {
  for (const file of sideFiles(path)) {
    // SQLite would wait for the writer of a FIFO.
    const facts = lstatSync(file, { throwIfNoEntry: false });
    if (facts !== undefined) requirePlain(facts);
  }
  const { O_RDWR, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = constants;
  const file = openSync(path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW, 0o640);
  try {
    requirePlain(fstatSync(file));
  } finally {
    closeSync(file);
  }
  // A link that was put in its place meanwhile is not followed either.
  const index = new Database(path, sqlite.SQLITE_OPEN_READWRITE | sqlite.SQLITE_OPEN_NOFOLLOW);
  try {
    index.run("PRAGMA journal_mode = WAL");
    index.run("PRAGMA synchronous = OFF");
    index.run(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    requireOurs(index);
    return index;
  } catch (thrown) {
    index.close();
    throw thrown;
  }
}

/** An index for a single answer. */
export function openIndexInMemory(): Database {
  const index = new Database(":memory:");
  index.run(SCHEMA);
  return index;
}

/** Only the holder of the index lock may call this: SQLite does not notice that an open file was replaced. */
export function removeIndexFile(path: string): void {
  for (const file of [path, ...sideFiles(path)]) rmSync(file, { force: true });
}

function sideFiles(path: string): readonly string[] {
  return ["-wal", "-shm", "-journal"].map((ending) => path + ending);
}

function requireOurs(index: Database): void {
  const stamp = stampOf(SCHEMA);
  const { user_version: found } = index
    .query<{ user_version: number }, []>("PRAGMA user_version")
    .get() ?? { user_version: 0 };
  if (found === stamp) return;
  if (index.query("SELECT 1 FROM sqlite_schema").get() !== null) {
    throw new Error("it has another version, or is from before the last boot");
  }
  index.transaction(() => {
    index.run(SCHEMA);
    index.run(`PRAGMA user_version = ${stamp}`);
  })();
}

/** Identifies the schema and this boot of the machine. */
function stampOf(schema: string): number {
  const boot = readTextIfPresent("/proc/sys/kernel/random/boot_id") ?? "";
  return Bun.hash.crc32(schema + boot) | 0;
}
