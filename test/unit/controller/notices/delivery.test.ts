/** Who gets what waits, and what becomes of what nobody takes. Receivers, files and programs are real. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { Delivery, deliverWaiting } from "../../../../src/controller/notices/delivery.ts";
import { leaveNotices } from "../../../../src/controller/notices/leave-notices.ts";
import type { NoticeNews } from "../../../../src/core/notices/news.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import {
  isSigned,
  NOTICE_KEY,
  NoticeReceiver,
  receiverFile,
} from "../../../support/notice-receiver.ts";

let fleet: LocalFleet;
let receiver: NoticeReceiver;
let key: string;

beforeEach(async () => {
  fleet = await LocalFleet.bare();
  receiver = new NoticeReceiver();
  key = fleet.folder.write("control/notify-key", `${NOTICE_KEY}\n`, 0o600);
});
afterEach(async () => {
  receiver[Symbol.dispose]();
  await fleet[Symbol.asyncDispose]();
});

const FAILED: NoticeNews = {
  kind: "run-failed",
  reqid: "0123456789abcdef",
  script: "deploy",
  count: 1,
  hosts: [{ host: "web-01", state: "ended", exit: 3, fault: null }],
};

function name(file: string, text: string): void {
  fleet.folder.write(`control/notify.d/${file}.toml`, text);
}

async function leave(count = 1): Promise<void> {
  for (let at = 0; at < count; at++) await leaveNotices(fleet.controller, [FAILED]);
}

async function waiting(): Promise<string[]> {
  return (await fleet.controller.store.notices.waiting()).map((each) => each.receiver);
}

/** One turn of each, as a process that has just started. */
async function deliver(delivery = new Delivery(fleet.controller)): Promise<Delivery> {
  await delivery.begin();
  await delivery.idle();
  return delivery;
}

function logged(action: string): string[] {
  return fleet.log.of(action).map(({ fields }) => Object.values(fields).join(" "));
}

test("T35 a notice is signed, and goes when it was taken", async () => {
  name("pager", receiver.file(key));
  await leave();
  expect(await waiting()).toEqual(["pager"]);
  expect((await deliver()).taken).toBe(1);
  const [got] = receiver.got;
  if (got === undefined) throw new Error("nothing came");
  expect(isSigned(got)).toBe(true);
  expect(isSigned({ ...got, timestamp: "1" })).toBe(false);
  expect(got.json).toMatchObject({ id: got.id, kind: "run-failed", version: 1 });
  expect(await waiting()).toEqual([]);
  expect(fleet.log.of("notice")[0]?.fields).toEqual({
    KIND: "run-failed",
    NOTICE: got.id,
    RECEIVER: "pager",
  });
});

test("T35 what waits can be read by its user alone, and where nobody is named nothing is written", async () => {
  const folder = fleet.folder.join("control/state/notices");
  await leave();
  expect(existsSync(folder)).toBe(false);
  name("pager", receiver.file(key));
  await leave();
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const [file = ""] = await Array.fromAsync(new Bun.Glob("*").scan({ cwd: folder }));
  expect(statSync(`${folder}/${file}`).mode & 0o777).toBe(0o600);
  expect(readFileSync(`${folder}/${file}`, "utf8")).not.toContain("s3cret");
});

test("T35 whoever has not taken it gets the same again, and is left alone for a while", async () => {
  name("pager", receiver.file(key));
  receiver.statuses = [500];
  await leave();
  const delivery = await deliver();
  await deliver(delivery);
  expect(receiver.got).toHaveLength(1);
  await deliver();
  const [first, second] = receiver.got;
  expect(second?.id).toBe(first?.id ?? "none");
  expect(second?.body).toBe(first?.body ?? "none");
  expect(await waiting()).toEqual([]);
});

test("T35 T27 the log says who answered what, and nothing of the address after its host", async () => {
  name("pager", receiver.file(key));
  receiver.statuses = [302];
  await leave();
  await deliver();
  const [line] = logged("notice-fail");
  expect(line).toMatch(/127\.0\.0\.1:\d+ answered 302; redirects are not followed/);
  expect(JSON.stringify(fleet.log.events)).not.toContain("s3cret");
});

test("T35 a slow receiver delays no other, and a dead one neither", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  receiver.answersAfter = promise;
  using quick = new NoticeReceiver();
  name("slow", receiver.file(key));
  name("dead", receiverFile('url = "http://127.0.0.1:1/"', `key_file = "${key}"`));
  name("quick", quick.file(key));
  await leave(2);
  const delivery = new Delivery(fleet.controller);
  await delivery.begin();
  await quick.received(2);
  expect(receiver.got).toHaveLength(1);
  resolve();
  await delivery.idle();
  expect(await waiting()).toEqual(["dead", "dead"]);
});

test("T35 a notice that its receiver never takes does not keep the others waiting", async () => {
  name("pager", receiver.file(key));
  receiver.statuses = [400];
  await leave();
  const delivery = await deliver(new Delivery(fleet.controller, 0));
  fleet.passDays(0.01);
  await leave();
  receiver.statuses = [200, 400];
  await deliver(delivery);
  const [refused, second, third] = receiver.got.map(({ id }) => id);
  expect(second).not.toBe(refused ?? "");
  expect(third).toBe(refused ?? "");
});

test("T35 what is past its deadline is given up, with the reason in the log", async () => {
  name("pager", receiver.file(key, "deadline = 60"));
  receiver.statuses = [503];
  await leave(2);
  await deliver();
  fleet.passDays(1);
  await deliver();
  expect(receiver.got).toHaveLength(1);
  expect(await waiting()).toEqual([]);
  expect(logged("notice-drop")).toEqual(["2 its deadline is over pager"]);
});

test("T35 a receiver for whom too many wait loses the oldest, and the log says so; others lose nothing", async () => {
  name("dead", receiverFile('url = "http://127.0.0.1:1/"', `key_file = "${key}"`));
  for (let at = 0; at < 200; at++) {
    const ms = String(at).padStart(15, "0");
    fleet.folder.write(`control/state/notices/${ms}.0123456789abcdef.run-failed.dead.json`, "{}");
  }
  name("pager", receiver.file(key));
  await leave();
  const names = await waiting();
  expect(names.filter((each) => each === "dead")).toHaveLength(200);
  expect(names.filter((each) => each === "pager")).toHaveLength(1);
  expect(logged("notice-drop")).toEqual([
    "1 too many wait for this receiver: refused joins go first, then the oldest dead",
  ]);
});

test("what waits for a receiver that is gone is dropped; a file that is broken keeps it", async () => {
  name("pager", receiver.file(key));
  name("chat", receiver.file(key));
  await leave();
  name("chat", "[");
  rmSync(fleet.folder.join("control/notify.d/pager.toml"));
  await deliver();
  expect(await waiting()).toEqual(["chat"]);
  expect(logged("notice-drop")).toEqual(["1 notify.d has no such file pager"]);
  expect(logged("notice-fail")).toEqual(["its file of notify.d cannot be used chat"]);
  fleet.passDays(8);
  await deliver();
  expect(await waiting()).toEqual([]);
});

test("T35 a file that cannot be used is reported in the log when somebody should have been told", async () => {
  name("pager", receiver.file(key));
  name("chat", "[");
  await leave();
  const [{ fields } = { fields: {} }] = fleet.log.of("config-warn");
  expect(fields).toMatchObject({ KEY: "notify.d" });
  expect(await waiting()).toEqual(["pager"]);
});

test("a program gets the notice on its standard input, and its arguments as they are", async () => {
  const out = fleet.folder.join("said");
  const program = fleet.folder.script("page", `printf '%s|' "$@" >${out}; cat >>${out}`);
  name("pager", receiverFile(`program = ["${program}", "a b", "$HOME"]`));
  await leave();
  expect((await deliver()).taken).toBe(1);
  const text = readFileSync(out, "utf8");
  expect(text).toStartWith('a b|$HOME|{"version":1,');
});

test.each([
  ["exit 3", "", "ended with status 3"],
  ["kill -9 $$", "", "was ended by SIGKILL"],
  ["read line; exec cat /dev/zero >/dev/null", "timeout = 1", "took more than 1 s"],
])("T35 a program that has not taken it is asked again: %s", async (body, line, problem) => {
  const program = fleet.folder.script("page", body);
  name("pager", receiverFile(`program = ["${program}"]`, line));
  await leave();
  await deliver();
  expect(await waiting()).toEqual(["pager"]);
  expect(logged("notice-fail")[0]).toContain(`page ${problem}`);
});

test("T35 T62 a program or key that others could change is not used", async () => {
  const program = fleet.folder.script("page", "exit 0");
  Bun.spawnSync(["chmod", "777", program]);
  Bun.spawnSync(["chmod", "666", key]);
  name("program", receiverFile(`program = ["${program}"]`));
  name("address", receiver.file(key));
  await leave();
  expect((await deliver()).taken).toBe(0);
  expect(receiver.got).toEqual([]);
  const [first, second] = logged("notice-fail").toSorted();
  expect(first).toContain("notify-key: it can be written by its group and others");
  expect(second).toContain("page can be written by its group and others");
});

test("one process at a time hands out", async () => {
  name("pager", receiver.file(key));
  await leave();
  {
    await using own = await fleet.controller.store.notices.ownDelivery();
    expect(own).toBeDefined();
    expect(await deliverWaiting(fleet.controller)).toBe(0);
  }
  expect(await deliverWaiting(fleet.controller)).toBe(1);
});
