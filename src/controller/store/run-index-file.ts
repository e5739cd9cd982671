/** The file of the run index: a database that holds no fact of its own. */
import { Database } from "bun:sqlite";
import { readTextIfPresent } from "../../system/files/files.ts";
import { openDatabaseFile } from "./database-file.ts";

/**
 * `version` is the record file's (system/files/file-version.ts); times are in milliseconds. A damaged record has no
 * script, and a host without a result has neither state nor `failed`. `name` is the host's name for lookups.
 */
const SCHEMA = `
CREATE TABLE run (
  reqid TEXT PRIMARY KEY, version TEXT NOT NULL, touched INTEGER NOT NULL, began INTEGER NOT NULL,
  script TEXT, submitter TEXT, started TEXT, completed TEXT, silent INTEGER,
  check_of TEXT
) WITHOUT ROWID;
CREATE INDEX run_began ON run (began);
CREATE TABLE run_host (
  reqid TEXT, position INTEGER, host TEXT NOT NULL, name TEXT NOT NULL, state TEXT, exit INTEGER,
  failed INTEGER, cancelled INTEGER,
  PRIMARY KEY (reqid, position)
) WITHOUT ROWID;
CREATE INDEX run_host_name ON run_host (name, reqid);
`;

/**
 * Opens the index, or creates it. No write waits for the disk: the kernel keeps what a killed process has written,
 * and a file from before the last boot is not used.
 *
 * @throws Error if it is damaged, has another version, or is from before the last boot
 */
export function openIndexFile(path: string): Database {
  const boot = readTextIfPresent("/proc/sys/kernel/random/boot_id") ?? "";
  return openDatabaseFile(path, { schema: SCHEMA, mark: boot, synchronous: "OFF" });
}

/** An index for a single answer. */
export function openIndexInMemory(): Database {
  const index = new Database(":memory:");
  index.run(SCHEMA);
  return index;
}
