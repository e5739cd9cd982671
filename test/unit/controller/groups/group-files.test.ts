/** The folder groups.d: which of its files count, and whose. */
import { afterEach, beforeEach, expect, setSystemTime, test } from "bun:test";
import { chmodSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { fileGroups } from "../../../../src/controller/groups/group-files.ts";
import { asCtrlExecError } from "../../../../src/core/errors.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;

beforeEach(async () => {
  fleet = await LocalFleet.bare();
});
afterEach(async () => {
  setSystemTime();
  await fleet[Symbol.asyncDispose]();
});

function write(name: string, text: string): string {
  return fleet.folder.write(`control/groups.d/${name}`, text);
}

async function names(): Promise<string[]> {
  return [...(await fileGroups(fleet.controller.config)).keys()];
}

async function problem(): Promise<string> {
  const { code, message, hint } = await names().then(
    () => expect.unreachable("they were read"),
    asCtrlExecError,
  );
  expect(code).toBe("unusable");
  return `${message}\n${hint}`;
}

test("without the folder there are no groups", async () => {
  expect(await names()).toEqual([]);
});

test("every .toml in it counts, and nothing else", async () => {
  write("b.toml", "[b]\nhosts = 'b'\n");
  write("a.toml", "[a]\nhosts = 'a'\n[c]\nhosts = 'c'");
  write("a.toml~", "[");
  write(".a.toml.swp", "[");
  write(".draft.toml", "[");
  write("README", "[");
  expect(await names()).toEqual(["a", "c", "b"]);
});

test("a name that two files have is refused", async () => {
  const first = write("a.toml", "[web]\nhosts = 'a'");
  const second = write("b.toml", "[web]\nhosts = 'b'");
  expect(await problem()).toBe(
    `Cannot use ${second}: ${first} has a group web too\nGive one of them another name.`,
  );
});

test("T62 a file that others may write is refused, and so is the folder", async () => {
  const file = write("a.toml", "[web]\nhosts = 'a'");
  chmodSync(file, 0o664);
  expect(await problem()).toContain(`Cannot use ${file}: it can be written by its group`);
  chmodSync(file, 0o644);
  expect(await names()).toEqual(["web"]);
  // Nobody has put a file there yet, but everybody could.
  rmSync(file);
  const d = fleet.folder.join("control/groups.d");
  chmodSync(d, 0o777);
  expect(await problem()).toContain(`Cannot use ${d}: it can be written by its group and others`);
});

test("a change counts at once, also of a file that was wrong", async () => {
  const file = write("a.toml", "[web]\nhost = 'a'");
  // Long ago, so that its version stands.
  utimesSync(file, 1, 1);
  expect(await problem()).toContain("did you mean hosts?");
  expect(await problem()).toContain("did you mean hosts?");
  const { mtimeMs } = statSync(file);
  const next = write("next", "[db]\nhosts = 'a'");
  utimesSync(next, mtimeMs / 1000, mtimeMs / 1000);
  renameSync(next, file);
  expect(await names()).toEqual(["db"]);
});

test("as long as no file has changed they are not read again", async () => {
  write("a.toml", "[web]\nhosts = 'a'");
  setSystemTime(new Date(Date.now() + 60_000));
  const read = await fileGroups(fleet.controller.config);
  expect(await fileGroups(fleet.controller.config)).toBe(read);
});

test("a thousand files may be there, and no more", async () => {
  for (let count = 0; count < 1000; count++) write(`${count}.toml`, "");
  expect(await names()).toEqual([]);
  write("1000.toml", "");
  expect(await problem()).toBe(
    `Cannot use ${fleet.folder.join("control/groups.d")}: more than 1000 files\nOne file may have many groups.`,
  );
});
