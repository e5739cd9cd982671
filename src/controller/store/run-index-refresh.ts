/** Brings the run index up to date with the folder of the records. */

import type { Database, SQLQueryBindings } from "bun:sqlite";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import { lookupName } from "../../core/net/host-name.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { fileError } from "../../system/files/files.ts";
import { inSlices } from "../../system/in-slices.ts";
import { type ReadSummary, readRunSummary } from "./run-summary.ts";

const RECORD = /^([0-9a-f]{16})\.json$/;

/** Rows per transaction: few enough for a short commit, and committed rows survive a kill. */
const ROWS_TOGETHER = 1000;
/** Rows that one statement removes: few enough for the event loop to wait for. */
const ROWS_AT_ONCE = 100;

/** Of a run of which not all rows are written, or removed: no file has it. */
const NO_VERSION = "";

/**
 * Reads new and changed records, and drops those that are gone. The event loop turns every few milliseconds.
 *
 * @param longest characters of the longest record that this host writes, without outputs
 * @returns the ids of records that could not be read; the index lacks them
 * @throws CtrlExecError `storage` if the folder cannot be read, or what SQLite throws
 */
export async function refreshRunIndex(
  index: Database,
  folder: string,
  longest: number,
): Promise<string[]> {
  const indexed = await indexedVersions(index);
  const changed: { readonly reqid: string; readonly version: string }[] = [];
  await inSlices(await namesIn(folder), (name) => {
    const reqid = RECORD.exec(name)?.[1];
    if (reqid === undefined) return;
    const version = fileVersion(join(folder, name));
    if (indexed.get(reqid) !== version) changed.push({ reqid, version });
    indexed.delete(reqid);
  });
  const writer = new IndexWriter(index);
  await inSlices(writer.removeAll(indexed.keys()));
  const unread: string[] = [];
  for (const { reqid, version } of changed) {
    try {
      const found = await readRunSummary(join(folder, `${reqid}.json`), longest);
      await inSlices(writer.replace(reqid, version, found));
    } catch (thrown) {
      if (!(thrown instanceof CtrlExecError)) throw thrown;
      await inSlices(writer.removeAll([reqid]));
      unread.push(reqid);
    }
  }
  writer.commit();
  return unread;
}

async function indexedVersions(index: Database): Promise<Map<string, string>> {
  const versions = new Map<string, string>();
  const rows = index.query<{ reqid: string; version: string }, []>(
    "SELECT reqid, version FROM run",
  );
  await inSlices(rows.iterate(), ({ reqid, version }) => {
    versions.set(reqid, version);
  });
  return versions;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT") return [];
    throw fileError("storage", "read", folder, thrown);
  }
}

/**
 * Its generators yield after every few rows. A kill may leave a run half written: it has no version until all of it is
 * there, so that the next refresh writes or removes it anew.
 */
class IndexWriter {
  readonly #index: Database;
  /** Rows in the open transaction; undefined outside a transaction. */
  #rows: number | undefined;

  constructor(index: Database) {
    this.#index = index;
  }

  *removeAll(reqids: Iterable<string>): Generator<void> {
    for (const reqid of reqids) yield* this.#remove(reqid);
  }

  /** Replaces everything about the run with what was found. */
  *replace(reqid: string, version: string, found: ReadSummary): Generator<void> {
    yield* this.#remove(reqid);
    if (found.kind === "gone") return;
    const run = found.kind === "run" ? found.run : undefined;
    this.#change(
      "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      reqid,
      NO_VERSION,
      found.touched,
      run?.began ?? found.touched,
      run?.script ?? null,
      run?.submitter ?? null,
      run?.started ?? null,
      run?.completed ?? null,
      run?.silent ?? null,
      run?.check_of ?? null,
    );
    for (const [position, told] of (run?.hosts ?? []).entries()) {
      const { host, state, exit, failed, cancelled } = told;
      const values = [position, host, lookupName(host), state, exit, failed, cancelled];
      this.#change("INSERT INTO run_host VALUES (?, ?, ?, ?, ?, ?, ?, ?)", reqid, ...values);
      yield;
    }
    this.#change("UPDATE run SET version = ? WHERE reqid = ?", version, reqid);
  }

  commit(): void {
    if (this.#rows !== undefined) this.#index.run("COMMIT");
    this.#rows = undefined;
  }

  *#remove(reqid: string): Generator<void> {
    this.#change("UPDATE run SET version = ? WHERE reqid = ?", NO_VERSION, reqid);
    const first = "SELECT min(position) FROM run_host WHERE reqid = ?1";
    const remove = `DELETE FROM run_host WHERE reqid = ?1 AND position < (${first}) + ${ROWS_AT_ONCE}`;
    while (this.#change(remove, reqid) > 0) yield;
    this.#change("DELETE FROM run WHERE reqid = ?", reqid);
    yield;
  }

  /** @returns the number of rows */
  #change(statement: string, ...values: SQLQueryBindings[]): number {
    if (this.#rows === undefined) this.#index.run("BEGIN IMMEDIATE");
    const { changes } = this.#index.query(statement).run(...values);
    this.#rows = (this.#rows ?? 0) + changes;
    if (this.#rows >= ROWS_TOGETHER) this.commit();
    return changes;
  }
}
