/** A rollout that is cancelled while an agent says nothing: it waits two seconds more, and not as long as any answer. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { openReplies } from "../../../../src/controller/control-host.ts";
import { DetachedRollouts } from "../../../../src/controller/runs/detached-rollouts.ts";
import { startRollout } from "../../../../src/controller/runs/start-rollout.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { Peer } from "../../../support/peers.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

const HOST = "web-01";

let fleet: LocalFleet;
let peer: Awaited<ReturnType<typeof streamingPeer>>;
const calls: StreamedCall[] = [];
let answer: (call: StreamedCall) => void = () => undefined;

beforeAll(async () => {
  fleet = await LocalFleet.create([
    ...["read_timeout = 3600", "max_parallel = 1", "api_auth_default = allow"],
  ]);
  const agent = await fleet.addAgent(HOST);
  await agent.stop();
  peer = await streamingPeer(agent, (call) => {
    calls.push(call);
    answer(call);
  });
});
afterAll(async () => {
  await peer[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
});

const cancel = async (reqid: string) =>
  await fleet.controller.store.rollouts.wish(reqid, "cancel", { by: "bob", since: "" });
const asked = (what: string) => calls.filter((call) => call.what === what);

test("a host that has not begun is not waited for; what became of it is not known, and none is called any more", async () => {
  answer = () => undefined;
  let called = 0;
  await using further = await Peer.tcp(() => {
    called += 1;
  });
  const next = `127.0.0.1:${further.port}`;
  const rollout = await startRollout(
    fleet.controller,
    CALLER,
    {
      ...{ hosts: [`${HOST}:${peer.port}`, next, "web-02"], port: undefined },
      ...{ script: "deploy", args: [], rollout: { batch: [{ hosts: 2 }] } },
      onNews: () => undefined,
    },
    () => undefined,
  );
  await until("it is asked", () => asked("POST /run").length === 1);
  await cancel(rollout.reqid);
  const { results, rollout: report } = await rollout.finished;
  expect(results).toMatchObject([
    { host: HOST, state: "unknown", error: "its answer was not waited for any longer" },
    { host: "127.0.0.1", state: "never-ran", error: "its answer was not waited for any longer" },
    { host: "web-02", state: "not-started" },
  ]);
  expect(report?.stopped).toBe("after batch 1 of 2: it was cancelled by bob");
  expect(called).toBe(0);
});

test("one that has begun goes on to its end", async () => {
  calls.length = 0;
  answer = (call) => call.begin();
  const rollout = await startRollout(
    fleet.controller,
    CALLER,
    {
      ...{ hosts: [`${HOST}:${peer.port}`], port: undefined, script: "deploy", args: [] },
      ...{ rollout: { batch: [{ hosts: 1 }] }, onNews: () => undefined },
    },
    () => undefined,
  );
  await until("it is asked", () => asked("POST /run").length === 1);
  await cancel(rollout.reqid);
  // Longer than others are waited for.
  await Bun.sleep(2500);
  asked("POST /run")[0]?.end({
    cancelled: true,
    cancelled_by: "bob",
    exit: 126,
    signal: "SIGTERM",
  });
  expect((await rollout.finished).results).toMatchObject([{ state: "ended", cancelled_by: "bob" }]);
});

const RUN = { submitter: "tester", token: "" };

/** A rollout whose batch an earlier process has begun, as far as its record goes. */
async function left(changes: object, result?: object): Promise<string> {
  const { rollouts, runs } = fleet.controller.store;
  const reqid = newRequestId();
  const rollout = {
    ...{ batch: [{ hosts: 1 }], max_failures: { hosts: 0 }, pause: 0, per_tag: {} },
    ...{ check: "", batches: [[0]], begun: 1, waiting: [], ...changes },
  };
  const owned = await rollouts.own(reqid);
  const run = { ...RUN, hosts: [HOST], ports: [peer.port], reqid, script: "deploy", rollout };
  const record = await runs.begin(run, true);
  if (result !== undefined) record.add({ ...result, reqid } as never);
  await owned?.keep({
    ...{ args: [], face: "api", username: "tester", sourceIp: "127.0.0.1", hasToken: false },
    ...{ registered: [HOST], mayFail: 0 },
  });
  await record.leave();
  await owned?.leave();
  return reqid;
}

/** Goes on with it, and cancels it when its host has been asked. @param isAsked undefined to let it end */
async function goneOnWith(reqid: string, isAsked?: () => boolean) {
  const detached = new DetachedRollouts(() => fleet.controller);
  await detached.start();
  if (isAsked !== undefined) {
    await until("its host is asked", isAsked);
    await cancel(reqid);
  }
  const { rollouts } = fleet.controller.store;
  await until("it is over", async () => (await rollouts.detached()).length === 0);
  await detached.leave();
  return await showRun(fleet.controller, CALLER, { reqid, live: false });
}

test("a check that an earlier process has begun is not waited for on a host that is away", async () => {
  calls.length = 0;
  answer = (call) => call.hangUp();
  const checking = newRequestId();
  const run = { ...RUN, hosts: [HOST], ports: [peer.port], reqid: checking, script: "health" };
  const check = await fleet.controller.store.runs.begin(run, true);
  await check.leave();
  const result = { host: HOST, script: "deploy", exit: 0, stdout: "", stderr: "", rtt: "1ms" };
  const reqid = await left({ check: "health", checking }, { ...result, state: "ended" });
  const isAsked = () => asked(`GET /result/${checking}`).length > 0;
  expect(await goneOnWith(reqid, isAsked)).toMatchObject({ complete: true });
});

test("what an earlier process has sent to a host that is away now may have run there", async () => {
  calls.length = 0;
  answer = (call) => call.hangUp();
  const report = await goneOnWith(await left({}), () => asked("POST /follow").length > 0);
  expect(report).toMatchObject({ complete: true, results: [{ host: HOST, state: "unknown" }] });
});

const BEGINS = { event: "batch", batch: 1, of: 1, hosts: [HOST] } as const;
const ENDS = { event: "batch-end", batch: 1, of: 1, failed: 0 } as const;

test.each([{ told: [BEGINS] }, { told: [BEGINS, ENDS] }])(
  "of one that has ended meanwhile it is recorded how long the script took; each is told once: %j",
  async ({ told }) => {
    answer = (call) => {
      call.begin();
      call.end();
    };
    const reqid = await left({ told });
    const { results } = await goneOnWith(reqid);
    expect(results).toMatchObject([{ host: HOST, state: "ended", rtt: "1000ms" }]);
    const account = openReplies(fleet.controller);
    const found = await fleet.controller.store.runs.readOpen(reqid, account);
    account.close();
    expect(found?.rollout?.told).toEqual([BEGINS, ENDS]);
  },
);
