/** What a look at this host and its fleet tells, once, whatever happens in between. Files, certificates and locks are real. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { lookForNotices } from "../../../../src/controller/notices/look.ts";
import { openFileStore } from "../../../../src/controller/store/file-store.ts";
import type { HostContext } from "../../../../src/controller/store/host.ts";
import { addDays, isoSeconds, opensslTime } from "../../../../src/core/time.ts";
import { register } from "../../../support/doctor.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";
import { receiverOf } from "../../../support/notice-receiver.ts";

let fleet: LocalFleet;

beforeEach(async () => {
  fleet = await LocalFleet.create();
  wants("certificate-ends", "agent-stale", "lock-held");
});
afterEach(async () => {
  await fleet[Symbol.asyncDispose]();
});

function wants(...kinds: readonly string[]): void {
  fleet.folder.write("control/notify.d/a.toml", receiverOf(kinds, 'program = ["/bin/true"]'));
}

/** As a process that has just started. */
function host(): HostContext {
  const { controller } = fleet;
  return { ...controller, store: openFileStore(controller) };
}

/** What each look has left in the spool, which is then taken from there. */
async function told(): Promise<object[]> {
  await lookForNotices(host());
  return await taken();
}

async function taken(): Promise<object[]> {
  const { notices } = fleet.controller.store;
  const waiting = await notices.waiting();
  const bodies = await Promise.all(waiting.map(async (each) => await notices.body(each)));
  for (const each of waiting) await notices.remove(each);
  return bodies.map((body) => JSON.parse(body ?? ""));
}

/** With a certificate that ends in so many days, and that was due long ago. */
function registerEnding(name: string, days: number, more: object = {}): Date {
  const end = addDays(fleet.now, days);
  const paired = isoSeconds(addDays(end, -365));
  register(fleet, name, { expiry: opensslTime(end), paired, ...more });
  return end;
}

function toldFile(): string {
  return fleet.folder.join("control/state/notices/told.json");
}

test("without a receiver nothing is looked at, and nothing is written", async () => {
  registerEnding("web-01", 3);
  for (const kinds of [[], ["run-failed", "join-refused"]]) {
    rmSync(fleet.folder.join("control/notify.d"), { recursive: true, force: true });
    if (kinds.length > 0) wants(...kinds);
    expect(await told()).toEqual([]);
    expect(readdirSync(fleet.folder.join("control/state"))).not.toContain("notices");
  }
});

test("an agent's certificate that ends is told once for each threshold, over restarts, and when it was renewed", async () => {
  const end = registerEnding("web-01", 10);
  registerEnding("web-02", 100);
  expect(await told()).toMatchObject([
    {
      kind: "certificate-ends",
      over: false,
      days: 14,
      count: 1,
      certificates: [{ of: "agent", host: "web-01", expires: isoSeconds(end) }],
      summary: "The certificate of web-01 ends within 14 days",
    },
  ]);
  expect(await told()).toEqual([]);
  fleet.passDays(4);
  expect(await told()).toMatchObject([{ days: 7, over: false }]);
  fleet.passDays(30);
  expect(await told()).toMatchObject([{ days: 0, over: false }]);
  registerEnding("web-01", 365);
  expect(await told()).toMatchObject([{ kind: "certificate-ends", over: true, count: 1 }]);
  expect(await told()).toEqual([]);
});

test("the certificates of this host are told too, each when it is late", async () => {
  // The CA lives for years, and the certificate of this host is renewed 90 days before its end.
  fleet.passDays(360);
  expect(await told()).toMatchObject([
    { days: 7, certificates: [{ of: "control-host", host: null }] },
  ]);
  fleet.passDays(5000);
  expect(await told()).toMatchObject([
    {
      days: 0,
      certificates: [
        { of: "ca", host: null },
        { of: "control-host", host: null },
      ],
    },
  ]);
});

test("a stale agent is told once, and when it was paired again or unpaired", async () => {
  register(fleet, "web-01", { serial_status: "stale" });
  register(fleet, "web-02", { serial_status: "stale" });
  expect(await told()).toMatchObject([
    { kind: "agent-stale", over: false, count: 2, hosts: [{ host: "web-01" }, { host: "web-02" }] },
  ]);
  expect(await told()).toEqual([]);
  rmSync(fleet.folder.join("control/state/agents/web-01.json"));
  expect(await told()).toMatchObject([{ over: true, count: 1, hosts: [{ host: "web-01" }] }]);
});

test("a record that cannot be read is not said to be well again", async () => {
  register(fleet, "web-01", { serial_status: "stale" });
  expect(await told()).toHaveLength(1);
  fleet.folder.write("control/state/agents/web-01.json", "{");
  expect(await told()).toEqual([]);
});

test("a lock that is held for longer than lock_notice_after is told once, and when it is free", async () => {
  const { locks } = fleet.controller.store;
  const key = { host: "web-01", port: undefined, script: "deploy" };
  const reqid = "0123456789abcdef";
  const since = isoSeconds(fleet.now);
  const holder = { ...key, pid: 1, user: "alice", since, reqid };
  const taking = await locks.take([{ key, holder }]);
  expect(await told()).toEqual([]);
  fleet.passDays(3601 / 86_400);
  expect(await told()).toMatchObject([
    {
      kind: "lock-held",
      over: false,
      count: 1,
      locks: [{ host: "web-01", script: "deploy", reqid, since }],
    },
  ]);
  expect(await told()).toEqual([]);
  if (taking.kind === "held") for (const lock of taking.held) await lock.release();
  expect(await told()).toMatchObject([{ kind: "lock-held", over: true, count: 1 }]);
});

test("T10 T35 a kill before the notice was left loses nothing, and a kill after it repeats the same notice", async () => {
  registerEnding("web-01", 10);
  await lookForNotices(host());
  const state = JSON.parse(readFileSync(toldFile(), "utf8"));
  const [notice] = await taken();
  if (notice === undefined) throw new Error("nothing was told");
  const {
    id,
    time,
    version: _,
    control_host: __,
    summary: ___,
    ...news
  } = notice as Record<string, unknown>;
  // As a kill leaves it, before or after the notice was left in the spool.
  const pending = [{ id, since: time, news }];
  writeFileSync(toldFile(), JSON.stringify({ ...state, pending }), { mode: 0o600 });
  expect(await told()).toEqual([notice]);
  expect(await told()).toEqual([]);
});

test("what was told and cannot be read is said in the log, and nothing is told instead", async () => {
  registerEnding("web-01", 10);
  expect(await told()).toHaveLength(1);
  writeFileSync(toldFile(), "{");
  expect(await told()).toEqual([]);
  expect(fleet.log.of("notice-look-fail")[0]?.fields.ERROR).toBe(
    `Cannot use ${toldFile()}: it is damaged`,
  );
  rmSync(toldFile());
  expect(await told()).toHaveLength(1);
});

test("what could not be left is tried again", async () => {
  registerEnding("web-01", 10);
  const { controller } = fleet;
  const store = openFileStore(controller);
  const add = store.notices.add;
  store.notices.add = () => Promise.reject(new Error("no space left"));
  await lookForNotices({ ...controller, store });
  store.notices.add = add;
  expect(fleet.log.of("notice-look-fail")[0]?.fields.ERROR).toBe("no space left");
  expect(await told()).toMatchObject([{ kind: "certificate-ends", days: 14 }]);
});

test("a receiver that cannot be told is named in the log when there is something to tell, and only then", async () => {
  const file = fleet.folder.write("control/notify.d/b.toml", "[");
  const warned = () => fleet.log.of("config-warn").map(({ fields }) => String(fields.MSG));
  expect(await told()).toEqual([]);
  expect(warned()).toEqual([]);
  registerEnding("web-01", 10);
  expect(await told()).toHaveLength(1);
  expect(warned()).toEqual([expect.stringContaining(file)]);
});

test("two processes at once tell it once", async () => {
  registerEnding("web-01", 10);
  await Promise.all(Array.from({ length: 4 }, async () => await lookForNotices(host())));
  expect(await taken()).toHaveLength(1);
});
