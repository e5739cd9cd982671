/** Rollouts that another process has left, or hands over: who goes on with them, and who does not. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Caller } from "../../../../src/controller/access/authorize.ts";
import {
  acceptRollout,
  type NewRollout,
  orderOf,
} from "../../../../src/controller/runs/accept-rollout.ts";
import { cancelRun } from "../../../../src/controller/runs/cancel.ts";
import { DetachedRollouts } from "../../../../src/controller/runs/detached-rollouts.ts";
import { handOver } from "../../../../src/controller/runs/hand-over.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { until } from "../../../support/folder.ts";
import { Gate, passes } from "../../../support/gate.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const HOSTS = ["web-01", "web-02"];
const WITH_TOKEN: Caller = { ...CALLER, token: "a-token" };
const ORDER: NewRollout = {
  ...{ hosts: HOSTS, port: undefined, script: "deploy", args: ["a b"] },
  rollout: { batch: [{ hosts: 1 }] },
};

let fleet: LocalFleet;
const open: DetachedRollouts[] = [];

beforeAll(async () => {
  fleet = await LocalFleet.create();
  for (const name of HOSTS) {
    const agent = await fleet.addAgent(name);
    const file = agent.path("deployed");
    const script = fleet.folder.script(`${name}/deploy.sh`, `echo "$@" >>${file}`);
    const body = `echo >${agent.path("begun")}; ${passes(fleet.folder.join("gate"))}`;
    const slow = fleet.folder.script(`${name}/slow.sh`, body);
    fleet.folder.write(`${name}/scripts.conf`, `deploy = ${script}\nslow = ${slow}\n`);
    await agent.reload();
  }
});
afterAll(() => fleet[Symbol.asyncDispose]());
afterEach(async () => {
  for (const each of open.splice(0)) await each.leave();
  fleet.log.events.length = 0;
  for (const host of HOSTS) rmSync(deployedOn(host), { force: true });
});

const deployedOn = (host: string) => fleet.folder.join(host, "deployed");
const deployed = () => HOSTS.filter((host) => existsSync(deployedOn(host)));
const orderFile = (reqid: string) =>
  join(paths(fleet.controller.config).rollouts, `${reqid}.order`);
const waiting = () => fleet.controller.store.rollouts.detached();
const over = (reqid: string) => until("it is over", () => !existsSync(orderFile(reqid)));
const taken = () =>
  fleet.log.of("rollout-take").map(({ fields: { REQID, USER } }) => [REQID, USER]);

/** An API that has started, and has gone on with what there was. */
async function started(lookAgainMs?: number): Promise<DetachedRollouts> {
  const controller = fleet.restarted();
  const rollouts = new DetachedRollouts(() => controller, undefined, lookAgainMs);
  open.push(rollouts);
  await rollouts.start();
  return rollouts;
}

/** A process has accepted it and ended. */
async function left(caller = CALLER): Promise<string> {
  const accepted = await acceptRollout(fleet.controller, caller, ORDER);
  const { body, owned, record } = accepted;
  await owned.keep(orderOf(caller, accepted));
  await record.leave();
  await owned.leave();
  return body.reqid;
}

async function isWhole(reqid: string): Promise<void> {
  await over(reqid);
  expect(await showRun(fleet.controller, CALLER, { reqid, live: false })).toMatchObject({
    complete: true,
    results: HOSTS.map((host) => ({ host, exit: 0 })),
  });
  for (const host of HOSTS) expect(readFileSync(deployedOn(host), "utf8")).toBe("a b\n");
}

test("what is handed over is carried out by whoever takes it, once", async () => {
  await started();
  const { reqid } = await handOver(fleet.controller, WITH_TOKEN, ORDER);
  await isWhole(reqid);
  expect(taken()).toEqual([[reqid, "tester"]]);
});

test("what a process has left is gone on with by the next, in its caller's name", async () => {
  const reqid = await left({ ...CALLER, username: "alice" });
  expect(await waiting()).toEqual([reqid]);
  await started();
  await isWhole(reqid);
  expect(taken()).toEqual([[reqid, "alice"]]);
});

test("what an API that had stopped still holds is gone on with when that ends", async () => {
  const reqid = await left();
  const stopped = await fleet.controller.store.rollouts.own(reqid);
  await started(5);
  expect(taken()).toEqual([]);
  expect(await waiting()).toEqual([reqid]);
  await stopped?.leave();
  await isWhole(reqid);
  expect(taken()).toEqual([[reqid, "tester"]]);
});

test("one whose token nobody has waits for whoever gives it again", async () => {
  const reqid = await left(WITH_TOKEN);
  await started();
  expect([await waiting(), deployed(), taken()]).toEqual([[reqid], [], []]);
  expect(fleet.log.of("rollout-fail").map(({ fields }) => fields)).toEqual([
    {
      ERROR:
        "Cannot go on with it: it was begun with a token, which is not kept. It waits for run --resume with the token",
      REQID: reqid,
    },
  ]);
  await fleet.controller.store.rollouts.offer(reqid, "a-token");
  await isWhole(reqid);
});

test("what a stopped API says of a host is that it was stopped: nobody goes on with it yet", async () => {
  using _shut = await Gate.shut(fleet.folder.join("gate"));
  const first = await started();
  const { reqid } = await first.begin(CALLER, { ...ORDER, script: "slow" });
  await until("the first has begun", () => existsSync(fleet.folder.join("web-01", "begun")));
  await first.leave();
  expect(fleet.log.of("run").map(({ fields }) => fields.ERROR)).toEqual([
    expect.stringMatching(/^ctrl-exec-api was stopped before /),
  ]);
  await cancelRun(fleet.controller, CALLER, { reqid, hosts: [], grace: 0 }, () => undefined);
});

test("one that was left between two batches has the first behind it, and hears who cancels it", async () => {
  const first = await started();
  const rollout = { batch: [{ hosts: 1 }], pause: 600 };
  const { reqid } = await first.begin(CALLER, { ...ORDER, rollout });
  await until("the first has its end", () => fleet.log.of("run").length === 1);
  await first.leave();
  await started();
  expect([await waiting(), deployed(), taken()]).toEqual([
    [reqid],
    ["web-01"],
    [[reqid, "tester"]],
  ]);
  const order = { reqid, hosts: [], grace: 0 };
  await cancelRun(fleet.controller, CALLER, order, () => undefined);
  await over(reqid);
  const report = await showRun(fleet.controller, CALLER, { reqid, live: false });
  expect(report).toMatchObject({
    complete: true,
    results: [
      { host: "web-01", exit: 0, state: "ended" },
      { host: "web-02", state: "not-started" },
    ],
  });
  expect(readFileSync(deployedOn("web-01"), "utf8")).toBe("a b\n");
});

test("of one that has no record, or was ended, nothing is left; an offer of it is refused", async () => {
  const reqids = [newRequestId(), newRequestId()];
  const order = orderOf(CALLER, await acceptedAndEnded());
  for (const reqid of reqids) {
    const owned = await fleet.controller.store.rollouts.own(reqid);
    await owned?.keep(order);
    await owned?.leave();
  }
  await started();
  expect([await waiting(), taken()]).toEqual([[], []]);
  const [reqid = ""] = reqids;
  await expect(fleet.controller.store.rollouts.offer(reqid, "")).rejects.toThrow(
    `Cannot take rollout ${reqid}: there is nothing to go on with`,
  );
  // Nobody keeps it.
  expect(await fleet.controller.store.rollouts.isOwned(reqid)).toBe(false);
});

async function acceptedAndEnded() {
  const accepted = await acceptRollout(fleet.controller, CALLER, ORDER);
  await accepted.record.leave();
  await accepted.owned.end();
  return accepted;
}

test("T62 one that others could have written is left alone, and said; the others go on", async () => {
  const [bad, good] = [await left(), await left()];
  chmodSync(orderFile(bad), 0o666);
  await started();
  await over(good);
  expect(taken()).toEqual([[good, "tester"]]);
  expect(fleet.log.of("rollout-fail").map(({ fields }) => fields.REQID)).toEqual([bad]);
  expect(await fleet.controller.store.rollouts.isOwned(bad)).toBe(false);
  rmSync(orderFile(bad));
});

test("who leaves takes and begins nothing more", async () => {
  const rollouts = await started();
  await rollouts.leave();
  const { store } = fleet.controller;
  expect(await store.rollouts.isTaker()).toBe(false);
  await expect(rollouts.begin(CALLER, ORDER)).rejects.toThrow("the service is stopping");
  expect([await waiting(), deployed()]).toEqual([[], []]);
});

test("a hook that refuses what is begun leaves nothing of it", async () => {
  const rollouts = await started();
  const hook = fleet.folder.script("hook", "exit 1");
  Object.assign(fleet.controller.config, { auth_hook: hook });
  try {
    await expect(rollouts.begin(CALLER, ORDER)).rejects.toMatchObject({ code: "denied" });
  } finally {
    Object.assign(fleet.controller.config, { auth_hook: undefined });
  }
  expect([await waiting(), deployed()]).toEqual([[], []]);
});
