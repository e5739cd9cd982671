import { expect, test } from "bun:test";
import type { RunLockKey, WantedRunLock } from "../../../../../src/controller/store/ports/locks.ts";
import type { StoreProcess } from "../../../../support/store-process.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { Stage } from "./stage.ts";

const DAY_SECONDS = 86_400;

const REQID = "0123456789abcdef";

const key = (host: string, script = "deploy", port?: number): RunLockKey => ({
  host,
  port,
  script,
});

/** As JSON, so that it is the same for another process. */
function holderOf({ host, port, script }: RunLockKey, pid: number) {
  const since = "2026-01-01T00:00:00Z";
  const at = port === undefined ? {} : { port };
  return { host, ...at, script, pid, user: "alice", since, reqid: REQID };
}

function wanted(...keys: readonly RunLockKey[]): readonly WantedRunLock[] {
  return keys.map((each) => ({ key: each, holder: holderOf(each, process.pid) }));
}

/** Another process that holds them until it is told to go on. */
async function holding(stage: Stage, ...keys: readonly RunLockKey[]): Promise<StoreProcess> {
  const other = stage.another("lock", JSON.stringify(wanted(...keys)));
  expect(await other.says()).toEqual({ kind: "held", count: keys.length });
  return other;
}

async function take({ store }: Stage, ...keys: readonly RunLockKey[]) {
  const taken = await store.locks.take(wanted(...keys));
  if (taken.kind === "conflict") throw new Error(`held: ${JSON.stringify(taken.conflicts)}`);
  return taken.held;
}

/** Whether it can be taken; it is released again. */
async function isFree({ store }: Stage, one: RunLockKey): Promise<boolean> {
  const taken = await store.locks.take(wanted(one));
  if (taken.kind === "held") await taken.held[0]?.release();
  return taken.kind === "held";
}

export function locksSuite(make: MakeStore): void {
  test("nobody holds any at first, and none is dropped", async () => {
    await using stage = await Stage.open(make);
    expect(await stage.store.locks.holders()).toEqual([]);
    expect(await stage.store.locks.dropUnused()).toBe(0);
  });

  test("T70 each script, host and port has its own", async () => {
    await using stage = await Stage.open(make);
    const keys = [
      key("web-01"),
      key("web-01", "backup"),
      key("web-01", "deploy", 7450),
      key("web-01", "deploy", 7451),
      key("web-02"),
      key("a--b", "c"),
      key("a", "b--c"),
      key("2001:db8::1"),
      key("2001:db8::1", "deploy", 7450),
      key("web-01", "../deploy"),
    ];
    expect(await take(stage, ...keys)).toHaveLength(keys.length);
    for (const each of keys) expect(await isFree(stage, each)).toBe(false);
  });

  test("each of those that were taken is released alone, in the order of what was asked for", async () => {
    await using stage = await Stage.open(make);
    const keys = [key("web-02"), key("web-01"), key("web-03")];
    const held = await take(stage, ...keys);
    await held[0]?.release();
    const free: boolean[] = [];
    for (const each of keys) free.push(await isFree(stage, each));
    expect(free).toEqual([true, false, false]);
  });

  test("all or none: what another process holds is named, and the others stay free", async () => {
    await using stage = await Stage.open(make);
    await using other = await holding(stage, key("web-02"), key("web-04"));
    const keys = ["web-01", "web-02", "web-03", "web-04", "web-05"].map((host) => key(host));
    expect(await stage.store.locks.take(wanted(...keys))).toEqual({
      kind: "conflict",
      conflicts: [key("web-02"), key("web-04")],
      runs: [REQID],
    });
    for (const host of ["web-01", "web-03", "web-05"]) {
      expect(await isFree(stage, key(host))).toBe(true);
    }
    other.goOn();
    await other.ended();
    expect(await isFree(stage, key("web-02"))).toBe(true);
  });

  test("what this process holds, another does not get", async () => {
    await using stage = await Stage.open(make);
    await take(stage, key("web-01", "deploy", 7450));
    const asked = wanted(key("web-02"), key("web-01", "deploy", 7450));
    await using other = stage.another("lock", JSON.stringify(asked));
    const conflicts = [key("web-01", "deploy", 7450)];
    expect(await other.says()).toEqual({ kind: "conflict", conflicts, runs: [REQID] });
  });

  test("who holds what is told as they said it, as long as they hold it", async () => {
    await using stage = await Stage.open(make);
    const theirs = key("web-01", "deploy", 7450);
    const ours = key("db-01", "backup");
    await using other = await holding(stage, theirs);
    const [lock] = await take(stage, ours);
    const holders = await stage.store.locks.holders();
    expect(holders).toHaveLength(2);
    expect(holders).toContainEqual(holderOf(theirs, process.pid));
    expect(holders).toContainEqual(holderOf(ours, process.pid));
    await lock?.release();
    expect(await stage.store.locks.holders()).toEqual([holderOf(theirs, process.pid)]);
    other.goOn();
    await other.ended();
    expect(await stage.store.locks.holders()).toEqual([]);
  });

  test("a holder that is killed holds nothing any more", async () => {
    await using stage = await Stage.open(make);
    await using other = await holding(stage, key("web-01"), key("web-02"));
    await other.kill();
    expect(await stage.store.locks.holders()).toEqual([]);
    expect(await take(stage, key("web-01"), key("web-02"))).toHaveLength(2);
  });

  test("a lock that is released twice does not release that of the next holder", async () => {
    await using stage = await Stage.open(make);
    const [lock] = await take(stage, key("web-01"));
    await lock?.release();
    await using _other = await holding(stage, key("web-01"));
    await lock?.release();
    expect(await isFree(stage, key("web-01"))).toBe(false);
  });

  test("only what nobody has used for a day is dropped, never what is held", async () => {
    await using stage = await Stage.open(make);
    const [lock] = await take(stage, key("web-01"));
    await lock?.release();
    await using _other = await holding(stage, key("web-02"));
    await take(stage, key("web-03"));
    expect(await stage.store.locks.dropUnused()).toBe(0);
    expect(await stage.store.locks.countUnused(new Date(Date.now() - 60_000))).toBe(0);
    stage.pass(DAY_SECONDS + 60);
    await stage.store.locks.dropUnused();
    expect(await stage.store.locks.dropUnused()).toBe(0);
    const held = (await stage.store.locks.holders()).map(({ host }) => host);
    expect(held.toSorted()).toEqual(["web-02", "web-03"]);
    for (const host of held) expect(await isFree(stage, key(host))).toBe(false);
    expect(await isFree(stage, key("web-01"))).toBe(true);
  });
}
