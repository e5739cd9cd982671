/** Rollouts that nobody waits for: what ctrl-exec-api cannot begin, or go on with, is told of, and loses nothing. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { DetachedRollouts } from "../../../../src/controller/runs/detached-rollouts.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import type { RolloutOrder } from "../../../../src/controller/store/ports/rollouts.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";

const HOSTS = ["web-01", "web-02"];

let fleet: LocalFleet;

beforeAll(async () => {
  fleet = await LocalFleet.create();
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

/** What a process has left that was killed after the first batch. @param told of web-02, which waits for its batch */
async function left(order = KEPT, told?: object): Promise<string> {
  const { rollouts, runs } = fleet.controller.store;
  const reqid = newRequestId();
  const owned = await rollouts.own(reqid);
  const setting = { max_failures: { hosts: 0 }, pause: 0, per_tag: {}, check: "" };
  const record = await runs.begin(
    {
      ...{ reqid, script: "count", hosts: HOSTS, submitter: "tester", token: "" },
      rollout: {
        ...{ ...setting, batch: [{ hosts: 1 }], batches: [[0], [1]] },
        ...{ begun: 1, waiting: ["web-02"] },
      },
    },
    true,
  );
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
  const detached = new DetachedRollouts(() => fleet.controller);
  await detached.start();
  expect(failures()).toEqual([
    { ERROR: "Cannot go on with it: its record does not say that its hosts wait", REQID: reqid },
  ]);
  expect(files(reqid)).toEqual([]);
  expect(await states(reqid)).toEqual(["web-01 ended", "web-02 never-ran"]);
  expect(ran()).toEqual([]);
  await detached.leave();
});
