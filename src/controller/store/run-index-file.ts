/** The file of the run index: a database that holds nothing that the run records do not say. */
import { Database } from "bun:sqlite";
import { closeSync, constants, fstatSync, openSync, rmSync } from "node:fs";
import { readTextIfPresent } from "../../system/files/files.ts";
import { requirePlain } from "../../system/files/plain-file.ts";

/**
 * `version` is that of the file (system/files/file-version.ts); times are milliseconds. A damaged record has no
 * script. A host without a state has no result. `name` is what a host is found by.
 */
const SCHEMA = `
CREATE TABLE run (
  reqid TEXT PRIMARY KEY, version TEXT NOT NULL, touched INTEGER NOT NULL, began INTEGER NOT NULL,
  script TEXT, submitter TEXT, started TEXT, completed TEXT, complete INTEGER
) WITHOUT ROWID;
CREATE INDEX run_began ON run (began);
CREATE TABLE run_host (
  reqid TEXT, position INTEGER, host TEXT NOT NULL, name TEXT NOT NULL, state TEXT, exit INTEGER,
  PRIMARY KEY (reqid, position)
) WITHOUT ROWID;
CREATE INDEX run_host_name ON run_host (name, reqid);
`;

/** Pages of the log that are moved into the file at once: more would keep others waiting for longer. */
const CHECKPOINT_PAGES = 100;

/**
 * Opens the index, or makes it.
 *
 * WAL, so that somebody who looks into it with sqlite3 stops nobody. Nothing waits for the disk: the kernel
 * keeps what a killed process has written, and after a start of the machine the stamp is another.
 *
 * @throws Error when it is damaged, of another version or from before the last start
 */
export function openIndexFile(path: string): Database {
  const { O_RDWR, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = constants;
  const file = openSync(path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW, 0o640);
  try {
    requirePlain(fstatSync(file));
  } finally {
    closeSync(file);
  }
  const index = new Database(path);
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

/** An index for one answer. */
export function openIndexInMemory(): Database {
  const index = new Database(":memory:");
  index.run(SCHEMA);
  return index;
}

/** Only who holds the lock of the index may: SQLite does not notice when an open file is replaced. */
export function removeIndexFile(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
}

function requireOurs(index: Database): void {
  const stamp = stampOf(SCHEMA);
  const { user_version: found } = index
    .query<{ user_version: number }, []>("PRAGMA user_version")
    .get() ?? { user_version: 0 };
  if (found === stamp) return;
  if (index.query("SELECT 1 FROM sqlite_schema").get() !== null) {
    throw new Error("it is of another version, or from before the last start of this machine");
  }
  index.transaction(() => {
    index.run(SCHEMA);
    index.run(`PRAGMA user_version = ${stamp}`);
  })();
}

/** Of what the tables are, and of this start of the machine. */
function stampOf(schema: string): number {
  const start = readTextIfPresent("/proc/sys/kernel/random/boot_id") ?? "";
  return Bun.hash.crc32(schema + start) | 0;
}
