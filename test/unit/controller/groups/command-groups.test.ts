/** group_command: how often it is started, what is kept of its answer, and what happens when it fails. */
import { afterEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import {
  commandGroups,
  lastCommandGroups,
} from "../../../../src/controller/groups/command-groups.ts";
import { openFileStore } from "../../../../src/controller/store/file-store.ts";
import type { GroupAnswer } from "../../../../src/controller/store/ports/groups.ts";
import { asCtrlExecError, inOneLine } from "../../../../src/core/errors.ts";
import { tryLock } from "../../../../src/system/files/lock.ts";
import { TERM_GRACE_MS } from "../../../../src/system/process/run-process.ts";
import { until } from "../../../support/folder.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { isAlive } from "../../../support/processes.ts";

let fleet: LocalFleet;
let seconds = 0;

afterEach(async () => await fleet[Symbol.asyncDispose]());

/** @param body of the command, which leaves a line each time it is started */
async function setUp(body: string, timeout = 10, cache = 60): Promise<void> {
  seconds = 0;
  fleet = await LocalFleet.bare();
  const { controller, folder } = fleet;
  const start = new Date("2026-01-15T12:00:00Z").getTime();
  const now = () => new Date(start + seconds * 1000);
  const command = folder.script("command", `echo >>${folder.join("starts")}\n${body}`);
  const config = {
    ...controller.config,
    group_command: command,
    group_command_timeout: timeout,
    group_command_cache: cache,
  };
  const context = { config, log: fleet.log.log, now };
  Object.assign(controller, { ...context, store: openFileStore(context) });
}

const GOOD = `echo '{"web": ["web-[01-02]"], "db": {"hosts": ["db-01"], "vars": {"password": "p4ss"}}}'`;

async function names(controller = fleet.controller): Promise<string> {
  return [...(await commandGroups(controller)).keys()].join(" ");
}

async function problem(): Promise<string> {
  const error = await names().then(() => expect.unreachable("it was answered"), asCtrlExecError);
  expect(error.code).toBe("busy");
  return inOneLine(error);
}

function starts(): number {
  const file = fleet.folder.join("starts");
  return existsSync(file) ? readFileSync(file, "utf8").length : 0;
}

/** The same control host as another process sees it. */
function another() {
  const { controller } = fleet;
  return { ...controller, config: { ...controller.config } };
}

test("it is asked once for all who wait, and not again before its time", async () => {
  await setUp(GOOD);
  const all = await Promise.all([names(), names(), names(another())]);
  expect(all).toEqual(["web db", "web db", "web db"]);
  seconds = 59;
  expect([await names(), await names(another()), starts()]).toEqual(["web db", "web db", 1]);
  seconds = 60;
  expect([await names(), starts()]).toEqual(["web db", 2]);
  // A clock that was set back: the time of the answer says nothing.
  seconds = 30;
  expect([await names(), starts()]).toEqual(["web db", 3]);
});

test("the answer is kept for this user alone, without what else it says of hosts", async () => {
  await setUp(GOOD);
  expect([...(await lastCommandGroups(fleet.controller)).keys()]).toEqual([]);
  await names();
  const file = fleet.folder.join("control/state/groups.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).not.toContain("p4ss");
  seconds = 3600;
  expect([...(await lastCommandGroups(fleet.controller)).keys()]).toEqual(["web", "db"]);
  expect(starts()).toBe(1);
});

test("another command's answer is not this one's", async () => {
  await setUp(GOOD);
  await names();
  const other = another();
  const script = fleet.folder.script("other", `echo '{"mail": []}'`);
  other.config.group_command = script;
  const store = openFileStore(other);
  expect([...(await lastCommandGroups({ ...other, store })).keys()]).toEqual([]);
  expect(await names({ ...other, store })).toBe("mail");
});

test("a file that is damaged is written again", async () => {
  await setUp(GOOD);
  fleet.folder.write("control/state/groups.json", '{"command": 1}');
  expect(await names()).toBe("web db");
  expect(await names(another())).toBe("web db");
  expect(starts()).toBe(1);
});

test("an answer that cannot be kept is used, and the log says why it was not", async () => {
  await setUp(GOOD);
  const file = fleet.folder.join("control/state/groups.json");
  mkdirSync(file, { recursive: true });
  expect(await names()).toBe("web db");
  expect(fleet.log.of("config-warn").map(({ fields }) => fields)).toEqual([
    { KEY: "state_dir", MSG: expect.stringContaining(file) },
  ]);
  expect([...(await lastCommandGroups(another())).keys()]).toEqual([]);
});

test.each([60, 1])("T76 a failure stands for a while, with a cache of %d s", async (cache) => {
  await setUp("echo 'no inventory' >&2; exit 3", 10, cache);
  const told = "Cannot find the groups: group_command ended with status 3";
  expect(await problem()).toContain(told);
  seconds = 9;
  expect(await problem()).toContain(told);
  expect(starts()).toBe(1);
  seconds = 10;
  expect(await problem()).toContain(told);
  expect(starts()).toBe(2);
  expect(existsSync(fleet.folder.join("control/state/groups.json"))).toBe(false);
  const [event] = fleet.log.of("group-command-fail");
  expect(event?.fields.ERROR).toBe("ended with status 3; it said: no inventory");
});

test.each([
  ["echo no", "printed something that cannot be read: it is not JSON"],
  [`echo '{"web": 1}'`, "printed something that cannot be read: web: expected a list of hosts"],
  ["kill -9 $$", "was ended by SIGKILL"],
  ["head -c 16777217 /dev/zero", "printed more than 16 MiB"],
])("%s: it %s", async (body, why) => {
  await setUp(body);
  expect(await problem()).toContain(`group_command ${why}`);
});

test("it gets nothing of ours, and no arguments", async () => {
  await setUp(`[ $# = 0 ] && [ -z "$(cat)" ] || exit 1
env | sed 's/=.*//' | sort | tr '\\n' ' ' | sed 's/.*/{"&": []}/'`);
  expect(await names()).toMatch(/^(_ )?HOME LANG LOGNAME PATH PWD (SHELL )?(SHLVL )?USER $/);
});

test("one that hangs is ended, with everything that it has started", async () => {
  await setUp("tail -f /dev/null & echo $! >$0.pid; wait", 1);
  expect(await problem()).toContain("group_command took more than 1 s");
  const pid = Number(readFileSync(fleet.folder.join("command.pid"), "utf8"));
  await until("what it has started has ended", () => !isAlive(pid));
});

test("one that others could change is not started", async () => {
  await setUp(GOOD);
  chmodSync(fleet.folder.join("command"), 0o777);
  expect(await problem()).toContain("group_command cannot be used: ");
  expect(starts()).toBe(0);
});

test("while another process asks, this one waits for its answer", async () => {
  await setUp(GOOD);
  const lock = tryLock(fleet.folder.write("control/state/locks/.group-command", ""));
  const waiting = names();
  const groups = new Map([["mail", { expressions: [], hosts: [], children: [] }]]);
  const { store, config, now } = fleet.controller;
  await store.groups.keep({ command: config.group_command ?? "", time: now(), groups });
  lock?.release();
  expect([await waiting, starts()]).toEqual(["mail", 0]);
});

test("who waits for another process's answer waits longer than that process may take", async () => {
  await setUp(GOOD, 10);
  const waits: number[] = [];
  const { store } = fleet.controller;
  const groups = {
    answer: () => store.groups.answer(),
    keep: (answer: GroupAnswer) => store.groups.keep(answer),
    async alone<Result>(waitMs: number, ask: () => Promise<Result>) {
      waits.push(waitMs);
      return await store.groups.alone(waitMs, ask);
    },
  };
  const controller = { ...fleet.controller, store: { ...store, groups } };
  expect(await names(controller)).toBe("web db");
  expect(waits).toEqual([10_000 + TERM_GRACE_MS + 1_000]);
});

test("a process that finds a fresh answer waits for nobody", async () => {
  await setUp(GOOD);
  await names();
  using _lock = tryLock(fleet.folder.join("control/state/locks/.group-command"));
  expect([await names(another()), starts()]).toEqual(["web db", 1]);
});
