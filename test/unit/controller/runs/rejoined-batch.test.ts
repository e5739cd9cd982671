/** The batch that an earlier process has begun, where a stand-in answers for the agent: what becomes of its host. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { renameSync } from "node:fs";
import { openReplies } from "../../../../src/controller/control-host.ts";
import { DetachedRollouts } from "../../../../src/controller/runs/detached-rollouts.ts";
import { takeRunLocks } from "../../../../src/controller/runs/locks.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

const HOST = "web-01";

let fleet: LocalFleet;
let peer: Awaited<ReturnType<typeof streamingPeer>>;
const calls: StreamedCall[] = [];
let answer: (call: StreamedCall) => void = () => undefined;

beforeAll(async () => {
  fleet = await LocalFleet.create(["api_auth_default = allow"]);
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
afterEach(() => {
  calls.length = 0;
  Object.assign(fleet.controller.config, { auth_hook: undefined });
});

const asked = (what: string) => calls.filter((call) => call.what === what);

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
    const cancel = { by: "bob", since: "" };
    await fleet.controller.store.rollouts.wish(reqid, "cancel", cancel);
  }
  const { rollouts } = fleet.controller.store;
  await until("it is over", async () => (await rollouts.detached()).length === 0);
  await detached.leave();
  Object.assign(fleet.controller.config, { auth_hook: undefined });
  return await showRun(fleet.controller, CALLER, { reqid, live: false });
}

const knowsNone = (call: StreamedCall) => {
  if (call.what === "POST /withdraw") call.json({ status: "withdrawn", known_for: 10 ** 9 });
  else call.json({ error: "no such run", known_for: 10 ** 9 }, "404 Not Found");
};

/** What its record has told of it. */
async function told(reqid: string) {
  const account = openReplies(fleet.controller);
  const found = await fleet.controller.store.runs.readOpen(reqid, account);
  account.close();
  return found?.rollout?.told ?? [];
}

const stopped = async (reqid: string) =>
  (await told(reqid)).flatMap((each) => (each.event === "stopped" ? each.reason : []))[0];

const WELL = { host: HOST, script: "deploy", exit: 0, stdout: "", stderr: "", rtt: "1ms" };

/** The same, after its batch has gone well and its check was recorded. */
async function leftWithCheck(checking: string): Promise<string> {
  const run = { ...RUN, hosts: [HOST], ports: [peer.port], reqid: checking, script: "health" };
  const check = await fleet.controller.store.runs.begin(run, true);
  await check.leave();
  return await left({ check: "health", checking }, { ...WELL, state: "ended" });
}

test("a check that an earlier process has begun is not waited for on a host that is away", async () => {
  answer = (call) => call.hangUp();
  const checking = newRequestId();
  const isAsked = () => asked(`GET /result/${checking}`).length > 0;
  const report = await goneOnWith(await leftWithCheck(checking), isAsked);
  expect(report).toMatchObject({ complete: true });
});

test("a check that an earlier process had not sent yet is sent now, as another run", async () => {
  answer = (call) => {
    if (call.what !== "POST /run") return knowsNone(call);
    call.begin();
    call.end({ exit: 1 });
  };
  const checking = newRequestId();
  const reqid = await leftWithCheck(checking);
  await goneOnWith(reqid);
  const [sent, ...more] = asked("POST /run");
  expect([sent?.body.script, more, sent?.reqid === checking]).toEqual(["health", [], false]);
  const check = { event: "check", batch: 1, script: "health", check: sent?.reqid, failed: [HOST] };
  expect(await told(reqid)).toContainEqual(check as never);
  expect(await stopped(reqid)).toBe("after batch 1 of 1: its check failed on web-01");
});

test("a check that has ended meanwhile is not sent again", async () => {
  answer = (call) => {
    call.json({ status: "done", exit: 0, stdout: "", stderr: "", state: "ended" });
  };
  const checking = newRequestId();
  const reqid = await leftWithCheck(checking);
  await goneOnWith(reqid);
  expect(asked("POST /run")).toEqual([]);
  expect((await told(reqid)).at(-1)).toMatchObject({ check: checking, failed: [] });
});

test("what an earlier process has sent to a host that is away now may have run there", async () => {
  answer = (call) => call.hangUp();
  const report = await goneOnWith(await left({}), () => asked("POST /follow").length > 0);
  expect(report).toMatchObject({ complete: true, results: [{ host: HOST, state: "unknown" }] });
});

const BEGINS = { event: "batch", batch: 1, of: 1, hosts: [HOST] } as const;
const ENDS = { event: "batch-end", batch: 1, of: 1, failed: 0 } as const;

test.each([{ before: [BEGINS] }, { before: [BEGINS, ENDS] }])(
  "of one that has ended meanwhile it is recorded how long the script took; each is told once: %j",
  async ({ before }) => {
    answer = (call) => {
      call.begin();
      call.end();
    };
    const reqid = await left({ told: before });
    const { results } = await goneOnWith(reqid);
    expect(results).toMatchObject([{ host: HOST, state: "ended", rtt: "1000ms" }]);
    expect(await told(reqid)).toEqual([BEGINS, ENDS]);
  },
);

test("T76 one that has never had it is not sent it if the hook refuses that now: it has not run, and nothing follows", async () => {
  answer = knowsNone;
  const auth_hook = fleet.folder.script("hook", "exit 3");
  const reqid = await left({});
  Object.assign(fleet.controller.config, { auth_hook });
  const { results } = await goneOnWith(reqid);
  expect(calls.map(({ what }) => what)).toEqual(["POST /follow", "POST /withdraw"]);
  const error = "denied: insufficient privilege";
  expect(results).toMatchObject([
    { host: HOST, state: "never-ran", error, rtt: expect.stringMatching(/ms$/) },
  ]);
  expect(await stopped(reqid)).toBe("after batch 1 of 1: denied: insufficient privilege");
});

test("T76 one that was unpaired meanwhile is not even asked: nobody knows whether it has run", async () => {
  const record = fleet.folder.join("control/state/agents", `${HOST}.json`);
  const reqid = await left({});
  renameSync(record, `${record}.away`);
  try {
    const { results } = await goneOnWith(reqid);
    expect(results).toMatchObject([{ host: HOST, state: "unknown" }]);
    expect(results[0]?.error).toStartWith("it is no longer registered, and is not asked");
  } finally {
    renameSync(`${record}.away`, record);
  }
  expect(calls).toEqual([]);
  expect(await stopped(reqid)).toBe("after batch 1 of 1: no longer registered: web-01");
});

test("one whose lock somebody else holds is asked all the same: it may have begun there", async () => {
  answer = (call) => {
    call.begin();
    call.end();
  };
  const reqid = await left({});
  const targets = await fleet.targets([HOST], peer.port);
  const order = { targets, script: "deploy", reqid: newRequestId(), username: "bob" };
  const locks = await takeRunLocks(fleet.controller, order);
  const { results } = await goneOnWith(reqid);
  locks.releaseAll();
  expect(results).toMatchObject([{ host: HOST, state: "ended", exit: 0 }]);
  const logged = fleet.log.of("run").filter(({ fields }) => fields.REQID === reqid);
  expect(logged.map(({ level }) => level)).toEqual(["info"]);
});
