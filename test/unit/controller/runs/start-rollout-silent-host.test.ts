/** A rollout that is cancelled while an agent says nothing: it waits two seconds more, and not as long as any answer. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { startRollout } from "../../../../src/controller/runs/start-rollout.ts";
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
  fleet = await LocalFleet.create(["read_timeout = 3600", "max_parallel = 1"]);
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
