/** The file of a database: how it is opened, and what is left when it cannot be. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import {
  type DatabaseKind,
  openDatabaseFile,
  removeDatabaseFile,
} from "../../../../src/controller/store/database-file.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const KIND: DatabaseKind = {
  schema: "CREATE TABLE host (name TEXT)",
  mark: "",
  synchronous: "OFF",
};

const openIn = (folder: TestFolder) =>
  openFiles(process.pid).filter((file) => file.startsWith(folder.path));

test.each([
  ["OFF", 0],
  ["NORMAL", 1],
] as const)(
  "it waits for the disk as its kind says, %s, and moves few pages at once",
  (synchronous, found) => {
    using folder = new TestFolder();
    using database = openDatabaseFile(folder.join("x.sqlite"), { ...KIND, synchronous });
    expect(database.query("PRAGMA synchronous").get()).toEqual({ synchronous: found });
    expect(database.query("PRAGMA wal_autocheckpoint").get()).toEqual({ wal_autocheckpoint: 100 });
    expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  },
);

test("T65 one of another kind is refused, and does not stay open", () => {
  using folder = new TestFolder();
  const path = folder.join("x.sqlite");
  openDatabaseFile(path, KIND).close();
  openDatabaseFile(path, KIND).close();
  const open = () => openDatabaseFile(path, { ...KIND, mark: "another boot" });
  expect(open).toThrow("it has another version, or is from before the last boot");
  expect(openIn(folder)).toEqual([]);
});

test("T74 nor is a FIFO opened that is in the place of a file beside it", () => {
  using folder = new TestFolder();
  const path = folder.join("x.sqlite");
  Bun.spawnSync(["mkfifo", `${path}-wal`]);
  expect(() => openDatabaseFile(path, KIND)).toThrow("it is not a plain file");
  expect(existsSync(path)).toBe(false);
  removeDatabaseFile(path);
  expect(existsSync(`${path}-wal`)).toBe(false);
});

test("a folder that is missing is said as what it is", () => {
  using folder = new TestFolder();
  const open = () => openDatabaseFile(folder.join("none", "x.sqlite"), KIND);
  expect(open).toThrow("ENOENT");
});

test("one that another process has for itself for a moment is waited for", async () => {
  using folder = new TestFolder();
  const path = folder.join("x.sqlite");
  openDatabaseFile(path, KIND).close();
  // Nothing here can tell it to let go: whoever waits for SQLite does nothing else.
  const holder = `
const { Database } = await import("bun:sqlite");
const database = new Database(${JSON.stringify(path)});
database.run("PRAGMA locking_mode = EXCLUSIVE");
database.run("BEGIN EXCLUSIVE");
console.log("held");
setTimeout(() => process.exit(0), 100);
`;
  const child = Bun.spawn([process.execPath, "-e", holder], { stdout: "pipe" });
  await child.stdout.getReader().read();
  using database = openDatabaseFile(path, KIND);
  expect(database.query("SELECT count(*) AS count FROM host").get()).toEqual({ count: 0 });
  expect(await child.exited).toBe(0);
});
