/** The folder notify.d: which of its files count, and whose. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync } from "node:fs";
import { hasReceivers } from "../../../../src/controller/notices/has-receivers.ts";
import { noticeProblems, readReceivers } from "../../../../src/controller/notices/receivers.ts";
import { messageOf } from "../../../../src/core/errors.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let key: string;

beforeEach(async () => {
  fleet = await LocalFleet.bare();
  key = fleet.folder.write("control/notify-key", "0123456789abcdef\n", 0o600);
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
});

function write(name: string, text = `url = "https://x/"\nkey_file = "${key}"`): string {
  return fleet.folder.write(`control/notify.d/${name}`, `events = ["run-failed"]\n${text}\n`);
}

async function read() {
  const { receivers, problems, mayBeThere } = await readReceivers(fleet.controller.config);
  return {
    names: receivers.map(({ name }) => name),
    problems: problems.map(messageOf),
    mayBeThere,
  };
}

test("without the folder, or with an empty one, nobody is told anything", async () => {
  const { config } = fleet.controller;
  expect(hasReceivers(config)).toBe(false);
  expect(await read()).toMatchObject({ names: [], problems: [] });
  fleet.folder.write("control/notify.d/README", "");
  expect(hasReceivers(config)).toBe(false);
});

test("every .toml in it counts, and nothing else", async () => {
  for (const name of ["pager.toml", "chat.toml", "x.toml~", ".draft.toml", "README"]) write(name);
  expect(hasReceivers(fleet.controller.config)).toBe(true);
  expect(await read()).toMatchObject({ names: ["chat", "pager"], problems: [] });
});

test("T35 one file that cannot be used does not keep the others from being told", async () => {
  write("pager.toml");
  write("chat.toml", "url = 3");
  write("ops team.toml");
  const { names, problems, mayBeThere } = await read();
  expect(names).toEqual(["pager"]);
  expect(problems).toHaveLength(2);
  expect(problems[0]).toContain("chat.toml");
  expect(problems[1]).toContain("ops team.toml: its name has other characters");
  expect(["chat", "pager", "gone"].map(mayBeThere)).toEqual([true, true, false]);
});

test("T35 T62 a file or folder that others can write to is refused", async () => {
  const file = write("pager.toml");
  chmodSync(file, 0o666);
  expect((await read()).problems[0]).toContain("pager.toml: it can be written by its group");
  chmodSync(file, 0o644);
  chmodSync(fleet.folder.join("control/notify.d"), 0o777);
  const { names, problems, mayBeThere } = await read();
  expect(names).toEqual([]);
  expect(problems[0]).toContain("can be written by its group and others");
  // Whoever may write there may also have removed one.
  expect(["pager", "gone"].map(mayBeThere)).toEqual([true, true]);
});

test("T35 more files than a control host needs are refused", async () => {
  for (let at = 0; at < 33; at++) write(`r${at}.toml`);
  const { names, problems } = await read();
  expect(names).toEqual([]);
  expect(problems[0]).toContain("more than 32 files");
});

test("T35 the owner is told of a key that all can read or guess, and of a program that is missing", async () => {
  write("pager.toml");
  const { config } = fleet.controller;
  expect(await noticeProblems(config)).toEqual([]);
  chmodSync(key, 0o644);
  write("page.toml", 'program = ["/nowhere/page"]');
  const short = fleet.folder.write("control/short-key", "0123", 0o600);
  write("short.toml", `url = "https://x/"\nkey_file = "${short}"`);
  const told = await noticeProblems(config);
  expect(told.map((each) => each.folder)).toEqual(["notify.d", "notify.d", "notify.d"]);
  const [program, pager, guessed] = told.map(({ problem }) => messageOf(problem));
  expect(program).toContain("/nowhere");
  expect(pager).toContain("notify-key: every user of this host may open it (mode 0644)");
  expect(guessed).toContain("16 or more printable characters");
});
