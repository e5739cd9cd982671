/** Rollouts that nobody waits for: what ctrl-exec-api cannot begin, or go on with, is told of, and loses nothing. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { openReplies } from "../../../../src/controller/control-host.ts";
import { cancelRun } from "../../../../src/controller/runs/cancel.ts";
import { DetachedRollouts } from "../../../../src/controller/runs/detached-rollouts.ts";
import { handOver } from "../../../../src/controller/runs/hand-over.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import type { RolloutOrder } from "../../../../src/controller/store/ports/rollouts.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { until } from "../../../support/folder.ts";
import { fullDisk } from "../../../support/full-disk.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const HOSTS = ["web-01", "web-02"];

let fleet: LocalFleet;

beforeAll(async () => {
  fleet = await LocalFleet.create(["api_auth_default = allow"]);
  for (const name of HOSTS) await fleet.addAgent(name);
});
afterAll(async () => await fleet[Symbol.asyncDispose]());

afterEach(() => {
  fleet.log.events.length = 0;
  for (const host of HOSTS) rmSync(fleet.folder.join(host, "runs"), { force: true });
});

const RESULT = { script: "count", exit: 0, stdout: "", stderr: "", rtt: "1ms", state: "ended" };

const KEPT: RolloutOrder = {
  ...{ args: ["secret"], face: "api", username: "tester", sourceIp: "127.0.0.1" },
  ...{ hasToken: false, registered: HOSTS, mayFail: 0 },
};

/** After its first batch. */
const recorded = (reqid: string) => ({
  ...{ reqid, script: "count", hosts: HOSTS, submitter: "tester", token: "" },
  rollout: {
    ...{ max_failures: { hosts: 0 }, pause: 0, per_tag: {}, check: "", batch: [{ hosts: 1 }] },
    ...{ batches: [[0], [1]], begun: 1, waiting: ["web-02"] },
  },
});

/** As ctrl-exec-api does from its start to its end. */
async function carrying() {
  const detached = new DetachedRollouts(() => fleet.controller);
  await detached.start();
  return Object.assign(detached, { [Symbol.asyncDispose]: () => detached.leave() });
}

/** What a process has left that was killed after the first batch. @param told of web-02, which waits for its batch */
async function left(order = KEPT, told?: object): Promise<string> {
  const { rollouts, runs } = fleet.controller.store;
  const reqid = newRequestId();
  const owned = await rollouts.own(reqid);
  const record = await runs.begin(recorded(reqid), true);
  for (const [host, result] of [["web-01", RESULT], ...(told ? [["web-02", told]] : [])]) {
    record.add({ ...RESULT, ...(result as object), host, reqid } as never);
  }
  await owned?.keep(order);
  await record.leave();
  await owned?.leave();
  return reqid;
}

const files = (reqid: string) =>
  readdirSync(fleet.folder.join("control/state/rollouts")).filter((name) => name.startsWith(reqid));

const states = async (reqid: string) =>
  (await showRun(fleet.controller, CALLER, { reqid, live: false })).results.map(
    ({ host, state }) => `${host} ${state}`,
  );

const ran = () => HOSTS.filter((host) => existsSync(fleet.folder.join(host, "runs")));

const failures = () =>
  fleet.log.events.filter(({ action }) => action === "rollout-fail").map(({ fields }) => fields);

test("what it cannot go on with is said, and its arguments are removed", async () => {
  const reqid = await left(KEPT, { state: "never-ran", exit: -1, error: "away" });
  await using _detached = await carrying();
  expect(failures()).toEqual([
    {
      ERROR: "Cannot go on with it: its record does not say that its hosts are waiting",
      REQID: reqid,
    },
  ]);
  expect(files(reqid)).toEqual([]);
  expect(await states(reqid)).toEqual(["web-01 ended", "web-02 never-ran"]);
  expect(ran()).toEqual([]);
});

const UNRECORDED = { code: "unrecorded", message: expect.stringContaining("cannot be written") };

/** Its record has room, and its arguments have none. */
const LARGE = {
  ...{ hosts: HOSTS, port: undefined, script: "count" },
  args: ["a".repeat(400_000)],
};
const ORDER = { ...LARGE, rollout: { batch: [{ hosts: 1 }] } };

test.each(["the API", "the command line"])(
  "T22 one of %s for which the disk has no room is refused, and nothing of it is under way",
  async (face) => {
    await using detached = await carrying();
    const reqid = newRequestId();
    const caller = { ...CALLER, requestId: reqid };
    {
      using _full = fullDisk(200_000);
      const begun =
        face === "the API"
          ? detached.begin(caller, ORDER)
          : handOver(fleet.controller, caller, ORDER);
      await expect(begun).rejects.toMatchObject(UNRECORDED);
    }
    expect(files(reqid)).toEqual([]);
    expect(await states(reqid)).toEqual(["web-01 not-started", "web-02 not-started"]);
    expect(ran()).toEqual([]);
    // Whoever goes on with it finds it in nobody's hands.
    const { rollouts } = fleet.controller.store;
    expect(await rollouts.isOwned(reqid)).toBe(false);
  },
);

test("T22 what is left on a full disk is not taken for a rollout under way", async () => {
  const reqid = newRequestId();
  const { runs } = fleet.controller.store;
  const record = await runs.begin(recorded(reqid), true);
  await record.stored;
  {
    using _full = fullDisk(1);
    await record.leave();
  }
  expect(await states(reqid)).toEqual(["web-01 unknown", "web-02 not-started"]);
});

test("T22 what an earlier process has left waits as long as the disk is full, and goes on then", async () => {
  const reqid = await left();
  await using _detached = await (async () => {
    using _full = fullDisk(1);
    return await carrying();
  })();
  expect(failures()).toEqual([
    { ERROR: "Cannot go on with it: its record cannot be written", REQID: reqid },
  ]);
  expect(await states(reqid)).toEqual(["web-01 ended", "web-02 queued"]);
  expect(ran()).toEqual([]);
  // A second later.
  await until("it has ended", async () => (await states(reqid))[1] === "web-02 ended");
  await until("its files are gone", () => files(reqid).length === 0);
  expect(ran()).toEqual(["web-02"]);
});

test("whoever cancels one that waits for its token removes its arguments", async () => {
  const reqid = await left({ ...KEPT, hasToken: true });
  await using _detached = await carrying();
  expect(files(reqid)).toContain(`${reqid}.order`);
  expect(await states(reqid)).toEqual(["web-01 ended", "web-02 not-started"]);
  const order = { reqid, hosts: [], grace: 1 };
  await cancelRun(fleet.controller, CALLER, order, () => undefined);
  expect(files(reqid)).toEqual([]);
  expect(await states(reqid)).toEqual(["web-01 ended", "web-02 not-started"]);
});

test("what is left of one goes with its record, and not while somebody has it", async () => {
  const [kept, gone, owned] = [await left(), await left(), await left()];
  const { rollouts } = fleet.controller.store;
  const own = await rollouts.own(owned);
  for (const reqid of [gone, owned]) rmSync(fleet.folder.join(`control/state/runs/${reqid}.json`));
  await rollouts.wish(gone, "pause", { by: "bob", since: "" });
  await rollouts.dropUnused();
  expect(files(gone)).toEqual([]);
  expect(files(kept)).toContain(`${kept}.order`);
  expect(files(owned)).toContain(`${owned}.order`);
  await own?.end();
});

test("of one that somebody goes on with, nobody else records how it ended on a host", async () => {
  const reqid = await left();
  const { rollouts, runs } = fleet.controller.store;
  const account = openReplies(fleet.controller);
  const told = [{ ...RESULT, state: "ended", host: "web-02", reqid } as const];
  const owned = await rollouts.own(reqid);
  expect(await runs.amend(reqid, told, account)).toBe(false);
  await owned?.leave();
  expect(await runs.amend(reqid, told, account)).toBe(true);
  account.close();
  await (await rollouts.own(reqid))?.end();
});
