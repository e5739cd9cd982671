/** The files of rollouts under way: what is left of them, and of what cannot be read. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { FileRollouts } from "../../../../src/controller/store/rollout-files.ts";
import { parseControllerConfig } from "../../../../src/core/config/controller-config.ts";
import { CtrlExecError } from "../../../../src/core/errors.ts";
import { lockIfPresent, tryLock } from "../../../../src/system/files/lock.ts";
import { listenLocally } from "../../../../src/system/process/local-socket.ts";
import { EventLog } from "../../../support/event-log.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const REQID = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const WISH = { by: "bob", since: "2026-01-15T12:00:00Z" };

let folder: TestFolder;
let rollouts: FileRollouts;
beforeEach(async () => {
  folder = new TestFolder();
  const text = `state_dir = ${folder.path}\n`;
  const { config } = await parseControllerConfig(folder.join("ctrl-exec.conf"), text);
  const { log } = new EventLog("ctrl-exec");
  rollouts = new FileRollouts({ config, log, now: () => new Date() });
});
afterEach(() => folder[Symbol.dispose]());

const fileOf = (reqid: string, what: string) => folder.join("rollouts", `${reqid}.${what}`);

test("a lock that nobody has used for a day goes, and what was wished of a rollout without a record; what is younger or held stays", async () => {
  for (const reqid of [REQID, OTHER]) await (await rollouts.own(reqid))?.leave();
  const owned = await rollouts.own("1111111111111111");
  await rollouts.wish(REQID, "pause", WISH);
  const dayAgo = Date.now() / 1000 - 86_460;
  for (const name of readdirSync(folder.join("rollouts"))) {
    if (!name.startsWith(OTHER)) utimesSync(folder.join("rollouts", name), dayAgo, dayAgo);
  }
  expect(await rollouts.dropUnused()).toBe(1);
  expect(readdirSync(folder.join("rollouts")).toSorted()).toEqual([
    "1111111111111111.lock",
    `${OTHER}.lock`,
  ]);
  await owned?.leave();
});

test("T65 its end leaves neither a file nor an open one, also where one cannot be removed", async () => {
  const owned = await rollouts.own(REQID);
  await rollouts.wish(REQID, "pause", WISH);
  mkdirSync(fileOf(REQID, "cancel"));
  await owned?.end();
  expect(readdirSync(folder.join("rollouts"))).toEqual([`${REQID}.cancel`]);
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});

test("who begins it again finds nothing of what was wanted before", async () => {
  await rollouts.wish(REQID, "cancel", WISH);
  const owned = await rollouts.own(REQID);
  await owned?.renew();
  expect(await owned?.wishes()).toEqual({ pause: undefined, cancel: undefined });
  expect(existsSync(fileOf(REQID, "lock"))).toBe(true);
  await owned?.end();
});

test("what is wanted of it from the moment when it was taken counts", async () => {
  const later = { ...WISH, by: "somebody else" };
  await rollouts.wish(REQID, "pause", WISH);
  const owned = await rollouts.own(REQID);
  await rollouts.wish(REQID, "pause", later);
  await rollouts.wish(REQID, "cancel", WISH);
  await owned?.renew();
  expect(await owned?.wishes()).toEqual({ pause: later, cancel: WISH });
  await owned?.end();
});

test("what was wanted counts although it cannot be read", async () => {
  folder.write(`rollouts/${REQID}.pause`, "{");
  mkdirSync(fileOf(REQID, "cancel"));
  const unknown = { by: "", since: "" };
  expect(await rollouts.wishes(REQID)).toEqual({ pause: unknown, cancel: unknown });
  expect(await rollouts.paused()).toEqual(new Map([[REQID, unknown]]));
});

test("who hears wishes no more is called no more", async () => {
  const owned = await rollouts.own(REQID);
  let first = 0;
  const { promise: heardTwice, resolve } = Promise.withResolvers<void>();
  const hearNoMore = owned?.hearWishes(() => {
    first += 1;
  });
  hearNoMore?.();
  let second = 0;
  const stop = owned?.hearWishes(() => {
    second += 1;
    if (second > 1) resolve();
  });
  await heardTwice;
  stop?.();
  expect(first).toBe(0);
  await owned?.end();
});

test("T65 who would take rollouts and cannot listen leaves that to others, and no file open", async () => {
  folder.write("rollouts/taker/in-the-way", "");
  const take = () => rollouts.takeOffers(async () => undefined);
  await expect(take()).rejects.toThrow();
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
  rmSync(folder.join("rollouts/taker"), { recursive: true });
  const taker = await take();
  expect([taker !== undefined, await rollouts.isTaker()]).toEqual([true, true]);
  await taker?.[Symbol.asyncDispose]();
  expect(await rollouts.isTaker()).toBe(false);
  expect(openFiles(process.pid).filter((file) => file.startsWith(folder.path))).toEqual([]);
});

test("why it was not taken is told with what to do next; what is not an answer counts as none", async () => {
  await using _taker = await rollouts.takeOffers(async () => {
    throw new CtrlExecError("busy", "there are too many", { hint: "Wait for one." });
  });
  const refused = { code: "unreachable", message: "there are too many", hint: "Wait for one." };
  await expect(rollouts.offer(REQID, "")).rejects.toMatchObject(refused);
  await _taker?.[Symbol.asyncDispose]();
  const stranger = listenLocally(folder.join("rollouts", "taker"), async () => "{}\n");
  await expect(rollouts.offer(REQID, "")).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("ctrl-exec-api is not running, or does not answer"),
  });
  expect(await rollouts.isTaker()).toBe(false);
  stranger.stop();
});

test("who takes rollouts waits for whoever only looks, and leaves what is offered just now", async () => {
  const offered = await rollouts.own(REQID);
  await offered?.keepToOffer({
    ...{ args: [], face: "cli", username: "alice", sourceIp: "", hasToken: false },
    ...{ registered: [], mayFail: 0 },
  });
  await offered?.leave();
  const looking = tryLock(folder.join("rollouts", "taker.lock"));
  const offering = lockIfPresent(fileOf(REQID, "offer"));
  const taking = rollouts.takeOffers(async () => undefined);
  looking?.release();
  const taker = await taking;
  expect([taker !== undefined, existsSync(fileOf(REQID, "offer"))]).toEqual([true, true]);
  await taker?.[Symbol.asyncDispose]();
  offering?.release();
  const later = await rollouts.takeOffers(async () => undefined);
  expect([later !== undefined, existsSync(fileOf(REQID, "offer"))]).toEqual([true, false]);
  await later?.[Symbol.asyncDispose]();
});

test("who cannot listen for offers keeps nobody from taking them later", async () => {
  mkdirSync(folder.join("rollouts", "taker", "in the way"), { recursive: true });
  const take = async () => undefined;
  await expect(rollouts.takeOffers(take)).rejects.toThrow();
  rmSync(folder.join("rollouts", "taker"), { recursive: true });
  const taker = await rollouts.takeOffers(take);
  expect(await rollouts.isTaker()).toBe(true);
  await taker?.[Symbol.asyncDispose]();
});

// Root may enter every folder.
if (process.getuid?.() !== 0) {
  test("whoever may not ask whether somebody takes rollouts is told that, and not that nobody does", async () => {
    mkdirSync(folder.join("rollouts"), { recursive: true });
    chmodSync(folder.join("rollouts"), 0);
    const thrown = await rollouts.isTaker().catch((error) => error);
    chmodSync(folder.join("rollouts"), 0o700);
    expect(thrown).toMatchObject({
      code: "config",
      message: `Cannot hand over a rollout to ctrl-exec-api: this user may not enter ${folder.join("rollouts")}`,
      hint: "Run this as root (sudo), or as the user of ctrl-exec-api, or leave out --detach.",
    });
  });
}

test("the lock of one that was left stays as a file, which is counted until its end", async () => {
  const owned = await rollouts.own(REQID);
  const inAMinute = () => new Date(Date.now() + 60_000);
  expect(await rollouts.countUnused(inAMinute())).toBe(0);
  await owned?.leave();
  expect(await rollouts.countUnused(inAMinute())).toBe(1);
  await (await rollouts.own(REQID))?.end();
  expect(await rollouts.countUnused(inAMinute())).toBe(0);
});
