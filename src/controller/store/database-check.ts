/** Whether the databases that can be removed at any time are intact, for `doctor`. */
import { lstatSync } from "node:fs";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { CtrlExecError, messageOf, systemCode } from "../../core/errors.ts";
import { fileError } from "../../system/files/files.ts";
import {
  isOfSurroundings,
  lockDatabase,
  openDatabaseAsItIs,
  openDatabaseToRead,
  removeDatabaseFile,
  requirePlainFiles,
} from "./database-file.ts";
import { paths } from "./paths.ts";

export type DatabaseName = "learned" | "run-index";

/** A table that each of them has, in all of its versions. */
const TABLES = { learned: "host", "run-index": "run" } as const;

/** A process that works with it for longer is left alone. */
const WAIT_MS = 200;

/**
 * What is wrong with the file; undefined if nothing is, or if there is no file. A file of another version is replaced
 * by the next process that uses it: nothing is wrong.
 *
 * @throws CtrlExecError `busy`, `config` if this user may not read it
 */
export async function databaseProblem(
  config: ControllerConfig,
  name: DatabaseName,
): Promise<string | undefined> {
  if (lstatSync(databasePath(config, name), { throwIfNoEntry: false }) === undefined) {
    return undefined;
  }
  using lock = await lockDatabase(config, name, WAIT_MS);
  return problemOf(databasePath(config, name), TABLES[name], lock !== undefined);
}

/** Removes a file if something is wrong with it. Returns whether it did. @throws as databaseProblem() */
export async function removeBrokenDatabase(
  config: ControllerConfig,
  name: DatabaseName,
): Promise<boolean> {
  using lock = await lockDatabase(config, name, WAIT_MS);
  const path = databasePath(config, name);
  if (lock === undefined || problemOf(path, TABLES[name], true) === undefined) return false;
  removeDatabaseFile(path);
  return true;
}

export function databasePath(config: ControllerConfig, name: DatabaseName): string {
  const { learned, runIndex } = paths(config);
  return name === "learned" ? learned : runIndex;
}

function problemOf(path: string, table: string, mayWrite: boolean): string | undefined {
  try {
    requirePlainFiles(path);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    // The last process to close it tidies up, which a reader without the right to write cannot.
    using database = mayWrite ? openDatabaseAsItIs(path) : openDatabaseToRead(path);
    const [said] = database.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").all();
    if (said?.quick_check !== "ok") return "it is damaged";
    const tables = database
      .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .all();
    // A file that was just created has none yet.
    if (tables.length === 0 || tables.some(({ name }) => name === table)) return undefined;
    return "it belongs to another program";
  } catch (thrown) {
    if (isOfSurroundings(thrown)) throw notJudged(path, thrown);
    return systemCode(thrown).startsWith("SQLITE_") ? "it is damaged" : messageOf(thrown);
  }
}

function notJudged(path: string, thrown: unknown): CtrlExecError {
  const code = systemCode(thrown);
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new CtrlExecError("busy", `Cannot read ${path}: another program uses it`, {
      cause: thrown,
    });
  }
  if (!code.startsWith("SQLITE_")) return fileError("config", "read", path, thrown);
  return new CtrlExecError("config", `Cannot read ${path}: ${messageOf(thrown)}`, {
    hint: "Make sure that this user may read and write it.",
    cause: thrown,
  });
}
