import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { paths } from "../../../../../src/controller/store/paths.ts";
import type { RolloutFacts } from "../../../../../src/controller/store/ports/runs.ts";
import { leftFindings } from "../../../../../src/controller/upkeep/doctor/left-behind.ts";
import { isoSeconds } from "../../../../../src/core/time.ts";
import { faults, old, register } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

const REQID = "0123456789abcdef";

test("a host on which nothing was left, before and after its first run, and nothing is made", async () => {
  await using fleet = await LocalFleet.create();
  register(fleet, "web-01");
  const before = readdirSync(fleet.folder.join("control/state"), { recursive: true });
  const found = await leftFindings(fleet.controller);
  expect(found.map(({ name, ok, detail, mend }) => [name, ok, detail, mend])).toEqual([
    ["leftovers", true, "no killed write has left a file", undefined],
    ["requests", true, "no pairing request has expired", undefined],
    ["locks", true, "0 held", undefined],
    ["rollouts", true, "none waits for a process that goes on with it", undefined],
  ]);
  expect(readdirSync(fleet.folder.join("control/state"), { recursive: true })).toEqual(before);
});

test("a join token that cannot be read is named, with what to do about it", async () => {
  await using fleet = await LocalFleet.create();
  const file = fleet.folder.write(`control/state/join-tokens/${REQID}.json`, "x\n", 0o640);
  const found = await leftFindings(fleet.controller);
  expect(found.filter(({ ok }) => !ok)).toEqual([
    {
      name: `join token ${REQID}`,
      ok: false,
      detail: `Cannot use ${file}: it is not the file of a join token`,
      remedy: expect.stringContaining("remove it, and create another token"),
    },
  ]);
});

test("leftovers of killed writes are counted and removed, in the records' folder too; young ones stay", async () => {
  await using fleet = await LocalFleet.create();
  const left = ["", "credentials", "state", "state/agents", "state/notices", "state/runs"].map(
    (folder) => {
      return old(fleet, `${folder}/.x.key.0123456789ab.tmp`, "key", 1);
    },
  );
  const young = old(fleet, "state/.y.0123456789ab.tmp", "", 0);
  const foreign = old(fleet, "state/.y.tmp", "", 1);
  const [found] = await leftFindings(fleet.controller);
  expect([found?.ok, found?.detail]).toEqual([
    false,
    expect.stringMatching(/^killed writes have left 6 files in /),
  ]);
  expect(await found?.mend?.()).toBe("removed 6 files of killed writes");
  expect(left.filter(existsSync)).toEqual([]);
  expect([young, foreign].map(existsSync)).toEqual([true, true]);
  expect(await found?.mend?.()).toBeUndefined();
});

test("requests that have expired, or cannot be read, are counted and dropped; the others wait on", async () => {
  await using fleet = await LocalFleet.create();
  const request = (id: string, received: Date) => {
    const more = { ip: "127.0.0.1", csr: "x", nonce: "x", code: "1", hostname: "web-01" };
    const json = JSON.stringify({ id, received: isoSeconds(received), ...more });
    return fleet.folder.write(`control/state/pairing/${id}.json`, json, 0o640);
  };
  const waits = request(REQID, fleet.now);
  const over = request("1123456789abcdef", new Date(fleet.now.getTime() - 601_000));
  const cut = fleet.folder.write("control/state/pairing/2123456789abcdef.json", "{", 0o640);
  const [, found] = await leftFindings(fleet.controller);
  const detail = "2 pairing requests, expired or unreadable";
  expect([found?.ok, found?.detail]).toEqual([false, detail]);
  expect(await found?.mend?.()).toBe("dropped 2 pairing requests");
  expect([waits, over, cut].map(existsSync)).toEqual([true, false, false]);
  expect(await found?.mend?.()).toBeUndefined();
});

test("a lock that is held for more than a day is named with its run; unused ones are removed, held ones stay", async () => {
  await using fleet = await LocalFleet.create();
  const { controller, now } = fleet;
  const { locks, rollouts } = paths(controller.config);
  const key = { host: "web-01", port: undefined, script: "deploy" };
  const holder = {
    ...key,
    port: 7443,
    pid: 1,
    user: "alice",
    since: isoSeconds(now),
    reqid: REQID,
  };
  const taken = await controller.store.locks.take([{ key, holder }]);
  if (taken.kind !== "held") throw new Error(taken.kind);
  const unused = ["state/locks/db-01--x.lock", `state/rollouts/${REQID}.lock`];
  const files = unused.map((name) => old(fleet, name, "", 1.1));
  const locksFound = async () => {
    const found = await leftFindings(controller);
    return found.filter(({ name }) => name === "locks");
  };
  const [day] = await locksFound();
  // maintain removes those in its time.
  expect([day?.ok, day?.detail]).toEqual([true, "1 held, 2 files that nobody has used for a day"]);
  fleet.passDays(1.1);
  const [long, forgotten] = await locksFound();
  const since = isoSeconds(now);
  expect(long?.detail).toBe(`web-01:deploy has been held since ${since} by run ${REQID}`);
  expect(long?.remedy).toContain(`ctrl-exec cancel ${REQID} --config`);
  expect([long?.ok, forgotten?.ok]).toEqual([false, false]);
  expect(forgotten?.detail).toBe("1 held, 2 files that nobody has used for a day");
  expect(await forgotten?.mend?.()).toBe("removed 2 lock files that nobody has used for a day");
  expect(await forgotten?.mend?.()).toBeUndefined();
  expect(files.filter(existsSync)).toEqual([]);
  expect(existsSync(`${locks}/web-01--deploy.lock`)).toBe(true);
  expect(existsSync(rollouts)).toBe(true);
  for (const lock of taken.held) await lock.release();
});

test("a detached rollout with which no process goes on is named", async () => {
  await using fleet = await LocalFleet.create();
  const { store } = fleet.controller;
  mkdirSync(paths(fleet.controller.config).rollouts, { mode: 0o700 });
  old(fleet, `state/rollouts/${REQID}.order`, "{}", 0);
  expect(faults(await leftFindings(fleet.controller))).toEqual([
    `rollouts: no process goes on with ${REQID}`,
  ]);
  const owned = await store.rollouts.own(REQID);
  expect(faults(await leftFindings(fleet.controller))).toEqual([]);
  await owned?.leave();
  const remedies = async () => {
    const found = await leftFindings(fleet.controller);
    return found.flatMap(({ ok, remedy = "" }) => (ok ? [] : [remedy.replaceAll(REQID, "it")]));
  };
  const option = ` --config ${fleet.controller.config.file}`;
  const ends = `, or ctrl-exec cancel it${option}`;
  expect(await remedies()).toEqual([`start ctrl-exec-api, which goes on with it${ends}`]);
  await using _taker = await store.rollouts.takeOffers(async () => undefined);
  expect(await remedies()).toEqual([
    `see why ctrl-exec-api, which runs, does not: ACTION=rollout-fail in its log${ends}`,
  ]);
});

test("one that was begun with a token waits for that, whether the API runs or not", async () => {
  await using fleet = await LocalFleet.create();
  const { store } = fleet.controller;
  const facts = { reqid: REQID, script: "deploy", hosts: ["web-01"], submitter: "", token: "" };
  const record = await store.runs.begin({ ...facts, rollout: WAITING }, true);
  await record.leave();
  const owned = await store.rollouts.own(REQID);
  await owned?.keep({
    ...{ args: [], face: "cli", username: "alice", sourceIp: "", hasToken: true },
    ...{ registered: [], mayFail: 0 },
  });
  await owned?.leave();
  const found = (await leftFindings(fleet.controller)).filter(({ ok }) => !ok);
  const option = ` --config ${fleet.controller.config.file}`;
  expect(found).toEqual([
    {
      name: "rollouts",
      ok: false,
      detail: `begun with a token, which is not kept, and waiting for it: ${REQID}`,
      remedy: `ctrl-exec run --resume ${REQID} deploy${option}, with its token and the arguments it had after --, or ctrl-exec cancel ${REQID}${option}`,
    },
  ]);
});

const WAITING: RolloutFacts = {
  ...{ batch: [{ hosts: 1 }], max_failures: { hosts: 0 }, pause: 0, per_tag: {}, check: "" },
  ...{ waiting: ["web-01"], batches: [[0]], begun: 0 },
};
