/** Brings the run index up to date with the folder of the records. */

import type { Database } from "bun:sqlite";
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
  for (const reqid of indexed.keys()) await writer.replace(reqid, "", { kind: "gone" });
  const unread: string[] = [];
  for (const { reqid, version } of changed) {
    try {
      const found = await readRunSummary(join(folder, `${reqid}.json`), longest);
      await writer.replace(reqid, version, found);
    } catch (thrown) {
      if (!(thrown instanceof CtrlExecError)) throw thrown;
      await writer.replace(reqid, "", { kind: "gone" });
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

class IndexWriter {
  readonly #index: Database;
  /** Rows in the open transaction; undefined outside a transaction. */
  #rows: number | undefined;

  constructor(index: Database) {
    this.#index = index;
  }

  /** Replaces everything about the run with what was found. */
  async replace(reqid: string, version: string, found: ReadSummary): Promise<void> {
    if (this.#rows === undefined) this.#index.run("BEGIN IMMEDIATE");
    this.#rows ??= 0;
    this.#index.query("DELETE FROM run_host WHERE reqid = ?").run(reqid);
    this.#index.query("DELETE FROM run WHERE reqid = ?").run(reqid);
    if (found.kind !== "gone") await this.#add(reqid, version, found);
    this.#rows += 1 + (found.kind === "run" ? found.run.hosts.length : 0);
    if (this.#rows >= ROWS_TOGETHER) this.commit();
  }

  commit(): void {
    if (this.#rows !== undefined) this.#index.run("COMMIT");
    this.#rows = undefined;
  }

  async #add(
    reqid: string,
    version: string,
    found: Exclude<ReadSummary, { kind: "gone" }>,
  ): Promise<void> {
    const run = found.kind === "run" ? found.run : undefined;
    this.#index
      .query("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(
        reqid,
        version,
        found.touched,
        run?.began ?? found.touched,
        run?.script ?? null,
        run?.submitter ?? null,
        run?.started ?? null,
        run?.completed ?? null,
        run?.silent ?? null,
      );
    const addHost = this.#index.query("INSERT INTO run_host VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    await inSlices((run?.hosts ?? []).entries(), ([position, told]) => {
      const { host, state, exit, failed, cancelled } = told;
      addHost.run(reqid, position, host, lookupName(host), state, exit, failed, cancelled);
    });
  }
}
