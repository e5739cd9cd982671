/** What is read of a recorded run counts among the replies that are held (T29), and no longer than it is needed. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { authorizeRun } from "../../../../src/controller/access/authorize-run.ts";
import { hostsByEnd } from "../../../../src/controller/access/hosts-by-end.ts";
import type { Controller } from "../../../../src/controller/control-host.ts";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import { cancelRun } from "../../../../src/controller/runs/cancel.ts";
import { DetachedRollouts } from "../../../../src/controller/runs/detached-rollouts.ts";
import { listRuns } from "../../../../src/controller/runs/list-runs.ts";
import { readLogs } from "../../../../src/controller/runs/logs.ts";
import { noteNothingLeft } from "../../../../src/controller/runs/note-nothing-left.ts";
import { pauseRollout } from "../../../../src/controller/runs/pause.ts";
import { openRunLog } from "../../../../src/controller/runs/run-log.ts";
import { startRollout } from "../../../../src/controller/runs/start-rollout.ts";
import { waitFor } from "../../../../src/controller/runs/wait.ts";
import { PLAIN_ROLLOUT } from "../../../../src/core/rollout.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { http10, onRequest, Peer } from "../../../support/peers.ts";

/** Its process has gone: web-01 has not said how it ended there. */
const LEFT = "00000000000000d0";
/** As 1.0 wrote it: who submitted it stands behind all that was printed. */
const OLD = "00000000000000d1";
const DAMAGED = "00000000000000d4";

const LONG = "x".repeat(60_000);
const PRINTED = { exit: 0, stdout: LONG, stderr: LONG, rtt: "1ms", state: "ended" } as const;

let fleet: LocalFleet;
let peer: Peer;
let controller: Controller;
const dialler = new KeptDialler();

beforeAll(async () => {
  fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const [cert = "", key = ""] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(agent.path(name), "utf8"),
  );
  peer = await Peer.tls({ cert, key }, (socket) =>
    onRequest(socket, (head) => {
      const cancelled = head.startsWith("POST /cancel") && { status: "not-running", left: 0 };
      socket.end(http10(cancelled || { status: "running" }));
    }),
  );
  const { config, store } = fleet.controller;
  controller = { ...fleet.controller, config: { ...config, max_replies: 400_000 }, dialler };
  const hosts = ["db-01", "web-01"];
  const facts = { reqid: LEFT, script: "deploy", submitter: "tester", token: "" };
  const record = await store.runs.begin({ ...facts, hosts, ports: [null, peer.port] }, true);
  record.add({ ...PRINTED, host: "db-01", script: "deploy", reqid: LEFT } as RunResult);
  await record.close();
  const old = { reqid: OLD, script: "deploy", hosts: ["db-01"], complete: true };
  const results = [{ ...PRINTED, host: "db-01", script: "deploy", reqid: OLD }];
  const text = JSON.stringify({ ...old, results, started: "", submitter: "tester" });
  fleet.folder.write(`control/state/runs/${OLD}.json`, text, 0o640);
  fleet.folder.write(`control/state/runs/${DAMAGED}.json`, `${text},`, 0o640);
});
afterAll(async () => {
  await peer[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
});

/** Whether one reply may have the most that any may have, which it may only where nothing else is held. */
function isFree(): boolean {
  const account = dialler.budget(controller.config).open();
  const held = account.openReply().hold(16_384 + 290_000);
  account.close();
  return held;
}

const resumed = {
  hosts: [],
  port: undefined,
  script: "deploy",
  args: [],
  rollout: {},
  resume: LEFT,
};

const cancelled = { reqid: LEFT, hosts: [], except: [], grace: 1 };
const waiting = () => ({ reqid: LEFT, signal: AbortSignal.abort() });

test.each<[string, () => Promise<unknown>]>([
  ["is damaged", () => openRunLog(controller, CALLER, DAMAGED)],
  ["may be seen", () => authorizeRun(controller, CALLER, { action: "read", reqid: OLD })],
  ["has failed", () => hostsByEnd(controller, CALLER, LEFT)],
  ["is listed", () => listRuns(controller, CALLER, { limit: 9 })],
  ["is waited for", () => waitFor(controller, CALLER, waiting(), () => undefined)],
  ["is read", () => readLogs(controller, CALLER, { ...waiting(), follow: false }, () => undefined)],
  ["cannot be paused", () => pauseRollout(controller, CALLER, LEFT)],
  ["has nothing left", () => noteNothingLeft(controller, LEFT, ["web-01"])],
  ["is cancelled", () => cancelRun(controller, CALLER, cancelled, () => undefined)],
  [
    "cannot be resumed",
    () =>
      startRollout(controller, CALLER, { ...resumed, onNews: () => undefined }, () => undefined),
  ],
  ["cannot be detached", () => new DetachedRollouts(() => controller).begin(CALLER, resumed)],
])("T29 of a run that %s nothing is held afterwards", async (_, work) => {
  expect(isFree()).toBe(true);
  await work().catch((thrown) => expect(["bad-request", "damaged"]).toContain(thrown.code));
  expect(isFree()).toBe(true);
});

/** What a process has left that was killed between its only batch and the end of its record. */
async function leftRollout(reqid: string, hasToken: boolean): Promise<void> {
  const { rollouts, runs } = controller.store;
  const owned = await rollouts.own(reqid);
  const facts = { reqid, script: "deploy", submitter: "tester", token: "", hosts: ["db-01"] };
  const rollout = { ...PLAIN_ROLLOUT, batches: [[0]], begun: 1, waiting: [] };
  const record = await runs.begin({ ...facts, rollout }, true);
  record.add({ ...PRINTED, host: "db-01", script: "deploy", reqid } as RunResult);
  await owned?.keep({
    ...{ args: [], face: "api", username: "tester", sourceIp: "127.0.0.1" },
    ...{ hasToken, registered: [], mayFail: 0 },
  });
  await record.leave();
  await owned?.leave();
}

test.each([
  ["00000000000000d2", true, 0],
  ["00000000000000d3", false, 1],
])(
  "T29 of rollout %s, with a token: %p, nothing is held while it waits, or when it is over",
  async (reqid, hasToken, taken) => {
    await leftRollout(reqid, hasToken);
    const detached = new DetachedRollouts(() => controller);
    await detached.start();
    expect(fleet.log.of("rollout-take").length).toBe(taken);
    await until("nothing is held", isFree);
    await detached.leave();
  },
);
