import { expect, test } from "bun:test";
import type {
  RolloutOrder,
  RolloutWishes,
} from "../../../../../src/controller/store/ports/rollouts.ts";
import { CtrlExecError } from "../../../../../src/core/errors.ts";
import { ReplyBudget } from "../../../../../src/core/reply-budget.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { facts, REQID, read, result } from "./recorded.ts";
import { Stage } from "./stage.ts";

const SETTING = {
  batch: [{ hosts: 1 }, { percent: 50 }],
  max_failures: { hosts: 0 },
  pause: 30,
  per_tag: { rack: 1 },
  check: "health",
};

const PLAN = { batches: [[0], [1], [2]], begun: 0 };

const ORDER: RolloutOrder = {
  args: ["a b", "é"],
  timeout: 60,
  face: "api",
  username: "alice",
  sourceIp: "192.0.2.1",
  route: "POST /run",
  hasToken: false,
  registered: ["web-01"],
  mayFail: 1,
};

const HOSTS = ["web-01", "web-02", "web-03"];
const rollout = (...waiting: readonly string[]) =>
  facts({ hosts: HOSTS, rollout: { ...SETTING, ...PLAN, waiting } });

const account = () => new ReplyBudget(2 ** 30).open();
const open = async ({ store }: Stage) => await store.runs.readOpen(REQID, account());

const listed = async ({ store }: Stage) => {
  const { runs } = await store.runs.list({ limit: 1 });
  return runs[0]?.hosts.map(({ host, state }) => `${host} ${state}`);
};

const goOn = async ({ store }: Stage, ...waiting: readonly string[]) =>
  await store.runs.goOn(
    { ...facts({ hosts: HOSTS }), rollout: { ...SETTING, ...PLAN, waiting } },
    account(),
  );

/** In another process, which is killed when these hosts wait. */
async function killed(stage: Stage, ...waiting: readonly string[]): Promise<void> {
  const begun = JSON.stringify(rollout(...HOSTS));
  await using other = stage.another("rollout", begun, JSON.stringify(waiting));
  expect(await other.says()).toBe("noted");
  await other.kill();
}

const states = async (stage: Stage) =>
  (await open(stage))?.report.results.map(({ host, state }) => `${host} ${state}`);

export function rolloutsSuite(make: MakeStore): void {
  test("of a rollout, the hosts that wait are queued, and nobody asks them", async () => {
    await using stage = await Stage.open(make);
    const record = await stage.store.runs.begin(rollout(...HOSTS), true);
    expect(await record.step({ waiting: ["web-02", "web-03"] })).toBe("noted");
    record.add(result("web-01"));
    expect(await record.step({ waiting: ["web-03"] })).toBe("noted");
    const found = await open(stage);
    expect(found?.alive).toBe(true);
    expect(found?.rollout).toMatchObject(SETTING);
    expect(found?.open.map(({ host }) => host)).toEqual(["web-02"]);
    expect(found?.report).toMatchObject({ pending: ["web-02", "web-03"], complete: false });
    expect(found?.report.results.map(({ host, state }) => [host, state])).toEqual([
      ["web-01", "ended"],
      ["web-03", "queued"],
    ]);
    const { runs } = await stage.store.runs.list({ limit: 1 });
    expect(runs[0]?.hosts.map(({ state }) => state)).toEqual(["ended", "running", "queued"]);
    await record.close();
  });

  test("who waits when its process is killed was not started, and whoever was asked may have run it", async () => {
    await using stage = await Stage.open(make);
    await killed(stage, "web-03");
    const found = await open(stage);
    expect(found?.alive).toBe(false);
    expect(found?.open.map(({ host }) => host)).toEqual(["web-01", "web-02"]);
    expect(found?.report).toMatchObject({ pending: ["web-01", "web-02"], complete: false });
    expect(found?.report.results).toEqual([
      result("web-03", {
        ...{ exit: -1, stdout: "", stderr: "", rtt: "", state: "not-started" },
        error: "ctrl-exec ended before the batch of this host began",
      }),
    ]);
    stage.pass(61);
    expect(await states(stage)).toEqual(["web-03 not-started", "web-01 unknown", "web-02 unknown"]);
    const { runs } = await stage.store.runs.list({ limit: 1 });
    expect(runs[0]?.hosts.map(({ state, failed }) => [state, failed])).toEqual([
      ["unknown", true],
      ["unknown", true],
      ["not-started", true],
    ]);
    // What is heard of the others later changes nothing of it.
    await stage.store.runs.amend(REQID, [result("web-01")], account());
    expect((await states(stage))?.toSorted()).toEqual([
      "web-01 ended",
      "web-02 unknown",
      "web-03 not-started",
    ]);
  });

  test("it is gone on with in its record, once", async () => {
    await using stage = await Stage.open(make);
    await killed(stage, "web-02", "web-03");
    const before = (await open(stage))?.report.started;
    await stage.store.runs.amend(REQID, [result("web-01")], account());
    expect(await goOn(stage, "web-01")).toBeUndefined();
    const record = await goOn(stage, "web-02", "web-03");
    expect(await record?.stored).toBe(true);
    expect((await open(stage))?.alive).toBe(true);
    expect(await states(stage)).toEqual(["web-01 ended", "web-02 queued", "web-03 queued"]);
    expect(await goOn(stage, "web-02", "web-03")).toBeUndefined();
    await record?.step({ waiting: ["web-03"] });
    record?.add(result("web-02"));
    record?.add(result("web-03", { exit: -1, state: "not-started", error: "the rollout stopped" }));
    await record?.close();
    expect(await states(stage)).toEqual(["web-01 ended", "web-02 ended", "web-03 not-started"]);
    expect(await read(stage)).toMatchObject({ complete: true, started: before });
    expect(await goOn(stage, "web-02")).toBeUndefined();
    const again = await goOn(stage, "web-03");
    again?.add(result("web-03"));
    expect(await again?.close()).toBe(true);
    expect(await states(stage)).toEqual(["web-01 ended", "web-02 ended", "web-03 ended"]);
  });

  test("a writer whose record another has taken sees it before it writes, and leaves it alone", async () => {
    await using stage = await Stage.open(make);
    const first = await stage.store.runs.begin(rollout(...HOSTS), true);
    await first.stored;
    const second = await stage.store.runs.begin(rollout("web-02", "web-03"), true);
    await second.stored;
    let seen = false;
    void first.takenOver.then(() => {
      seen = true;
    });
    expect(await first.step({ waiting: ["web-03"] })).toBe("taken-over");
    expect(seen).toBe(true);
    first.add(result("web-01"));
    expect(await first.close()).toBe(false);
    expect(await states(stage)).toEqual(["web-02 queued", "web-03 queued"]);
    expect(await second.step({ waiting: ["web-03"] })).toBe("noted");
    await second.close();
  });

  test("what its process leaves, another one goes on with at once, while it lives", async () => {
    await using stage = await Stage.open(make);
    const first = await stage.store.runs.begin(rollout(...HOSTS), true);
    await first.step({ waiting: ["web-02", "web-03"], begun: 1 });
    first.add(result("web-01"));
    await first.leave();
    const second = await goOn(stage, "web-02", "web-03");
    expect(await second?.stored).toBe(true);
    expect(await states(stage)).toEqual(["web-01 ended", "web-02 queued", "web-03 queued"]);
    expect(await first.step({ waiting: [] })).not.toBe("noted");
    await second?.close();
  });

  test("one process at a time owns it, until that ends, however it does", async () => {
    await using stage = await Stage.open(make);
    const { rollouts } = stage.store;
    await using other = stage.another("owner", REQID);
    expect(await other.says()).toBe(true);
    expect(await rollouts.isOwned(REQID)).toBe(true);
    expect(await rollouts.own(REQID)).toBeUndefined();
    await other.kill();
    expect(await rollouts.isOwned(REQID)).toBe(false);
    const owned = await rollouts.own(REQID);
    expect(owned).toBeDefined();
    // Within one process too.
    expect(await rollouts.own(REQID)).toBeUndefined();
    const inAMinute = () => new Date(Date.now() + 60_000);
    expect(await rollouts.countUnused(inAMinute())).toBe(0);
    await owned?.leave();
    expect(await rollouts.countUnused(new Date(Date.now() - 60_000))).toBe(0);
    await (await rollouts.own(REQID))?.end();
    expect(await rollouts.countUnused(inAMinute())).toBe(0);
    expect(await rollouts.own("../../etc").catch(({ code }) => code)).toBe("bad-request");
  });

  test("what others want of it is told to its owner, and goes with its end", async () => {
    await using stage = await Stage.open(make);
    const { rollouts } = stage.store;
    const owned = await rollouts.own(REQID);
    const heard = Promise.withResolvers<RolloutWishes>();
    const hearNoMore = owned?.hearWishes((wishes) => {
      if (wishes.pause !== undefined) heard.resolve(wishes);
    });
    const wish = { by: "bob", since: "2026-01-15T12:00:00Z" };
    await rollouts.wish(REQID, "pause", wish);
    expect(await heard.promise).toEqual({ pause: wish, cancel: undefined });
    hearNoMore?.();
    expect(await rollouts.paused()).toEqual(new Map([[REQID, wish]]));
    const hand = { by: "carol", since: "2026-01-15T12:01:00Z" };
    expect(await rollouts.endPause(REQID, hand)).toBe(true);
    expect(await rollouts.endPause(REQID, wish)).toBe(false);
    expect(await rollouts.wishes(REQID)).toEqual({
      ...{ pause: undefined, cancel: undefined, continued: hand },
    });
    await rollouts.wish(REQID, "cancel", wish);
    expect(await owned?.wishes()).toMatchObject({ pause: undefined, cancel: wish });
    await owned?.end();
    expect(await rollouts.wishes(REQID)).toEqual({ pause: undefined, cancel: undefined });
  });

  test("what a detached one needs is kept until its end, and it is offered to whoever takes it", async () => {
    await using stage = await Stage.open(make);
    const { rollouts, runs } = stage.store;
    expect(await rollouts.isTaker()).toBe(false);
    await expect(rollouts.offer(REQID, "")).rejects.toMatchObject({ code: "unreachable" });
    const record = await runs.begin(rollout("web-02", "web-03"), true);
    const owned = await rollouts.own(REQID);
    await owned?.keep(ORDER);
    expect(await owned?.order()).toEqual(ORDER);
    await record.leave();
    await owned?.leave();
    expect(await rollouts.detached()).toEqual([REQID]);
    // It waits for somebody who goes on with it.
    expect(await open(stage)).toMatchObject({ alive: true, detached: true, closed: false });
    // Nor does what is heard of the others meanwhile give those that wait a result.
    await runs.amend(REQID, [result("web-01")], account());
    expect((await open(stage))?.open).toEqual([]);
    expect(await states(stage)).toEqual(["web-01 ended", "web-02 queued", "web-03 queued"]);
    expect(await listed(stage)).toEqual(["web-01 ended", "web-02 queued", "web-03 queued"]);
    const { length } = (await runs.list({ limit: 1, state: "not-started" })).runs;
    expect(length).toBe(0);
    const taken: (readonly [string, string])[] = [];
    // The longest that may be given in a file, and each of its characters is escaped on its way.
    const token = '"é'.repeat(21_845);
    {
      await using _taker = await rollouts.takeOffers(async (reqid, token) => {
        if (token === "") throw new CtrlExecError("busy", "there are too many");
        taken.push([reqid, token]);
      });
      expect(await rollouts.isTaker()).toBe(true);
      // Another one takes nothing from it.
      await using another = await rollouts.takeOffers(async () => undefined);
      expect(another).toBeUndefined();
      await rollouts.offer(REQID, token);
      await expect(rollouts.offer(REQID, "")).rejects.toThrow("there are too many");
    }
    expect(taken).toEqual([[REQID, token]]);
    expect(await rollouts.isTaker()).toBe(false);
    await (await rollouts.own(REQID))?.end();
    expect(await rollouts.detached()).toEqual([]);
    expect(await states(stage)).toEqual([
      "web-01 ended",
      "web-02 not-started",
      "web-03 not-started",
    ]);
    expect(await listed(stage)).toEqual(await states(stage));
  });

  test.each([
    ["detached", true],
    ["one that somebody waits for", false],
  ])(
    "%s: if its process is stopped for long it is neither lost nor written by others",
    async (_, isDetached) => {
      await using stage = await Stage.open(make);
      const { rollouts, runs } = stage.store;
      const record = await runs.begin(rollout("web-02", "web-03"), true);
      const owned = await rollouts.own(REQID);
      if (isDetached) await owned?.keep({ ...ORDER, hasToken: true });
      record.add(result("web-01"));
      await record.step({ waiting: ["web-02", "web-03"], begun: 1 });
      stage.pass(61);
      expect(await open(stage)).toMatchObject({ alive: true, detached: false, open: [] });
      expect(await states(stage)).toEqual(["web-01 ended", "web-02 queued", "web-03 queued"]);
      expect(await listed(stage)).toEqual(["web-01 ended", "web-02 queued", "web-03 queued"]);
      expect(await runs.amend(REQID, [result("web-01", { exit: 7 })], account())).toBe(false);
      expect(await record.step({ waiting: ["web-03"], begun: 2 })).toBe("noted");
      await record.close();
      await owned?.end();
    },
  );

  test("one whose process ends while it offers it is nobody's, now and later", async () => {
    await using stage = await Stage.open(make);
    const { rollouts } = stage.store;
    const offered = await rollouts.own(REQID);
    await offered?.keepToOffer(ORDER);
    await offered?.leave();
    // It counts from when it is taken on.
    expect(await rollouts.detached()).toEqual([]);
    await using taker = await rollouts.takeOffers(async () => undefined);
    expect(taker).toBeDefined();
    await rollouts.offer(REQID, "");
    expect(await rollouts.detached()).toEqual([]);
    const again = await rollouts.own(REQID);
    await again?.keepToOffer(ORDER);
    await again?.leave();
    await rollouts.offer(REQID, "");
    expect(await rollouts.detached()).toEqual([REQID]);
    await (await rollouts.own(REQID))?.end();
  });

  test("one that was begun with a token waits for whoever gives it again", async () => {
    await using stage = await Stage.open(make);
    const record = await stage.store.runs.begin(rollout(...HOSTS), true);
    const owned = await stage.store.rollouts.own(REQID);
    await owned?.keep({ ...ORDER, hasToken: true });
    await record.leave();
    await owned?.leave();
    expect(await open(stage)).toMatchObject({ alive: false, detached: false });
    expect(await listed(stage)).toEqual(await states(stage));
    expect((await open(stage))?.report.results[0]).toMatchObject({
      state: "not-started",
      error: expect.stringContaining("its token is not kept"),
    });
  });

  test("what is no rollout, or not known, is not gone on with", async () => {
    await using stage = await Stage.open(make);
    expect(await goOn(stage, "web-01")).toBeUndefined();
    const record = await stage.store.runs.begin(facts(), true);
    record.add(result("web-01"));
    await record.close();
    expect(await goOn(stage, "web-02")).toBeUndefined();
  });
}
