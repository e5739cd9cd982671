/** Reading one host of a run: from a byte on, and from an agent that cannot tell yet. */
import { expect, test } from "bun:test";
import { OutputReader } from "../../../../src/controller/runs/output-reader.ts";
import { openRunLog, type Reading } from "../../../../src/controller/runs/run-log.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

const REQID = "0123456789abcdef";
const HOST = "web-01";

/** A run on web-01, where `answer` stands in for the agent. */
async function stageOf(answer: (call: StreamedCall) => void) {
  const fleet = await LocalFleet.create();
  const agent = await fleet.addAgent(HOST);
  await agent.stop();
  const calls: StreamedCall[] = [];
  const peer = await streamingPeer(agent, (call) => {
    calls.push(call);
    answer(call);
  });
  const facts = { reqid: REQID, script: "deploy", submitter: "tester", token: "" };
  const asked = { hosts: [HOST], ports: [peer.port] };
  const record = await fleet.controller.store.runs.begin({ ...facts, ...asked }, true);
  await record.stored;
  const heard: RunEvent[] = [];
  const open = async () => await openRunLog(fleet.controller, CALLER, REQID);
  const read = async (reading: Partial<Reading> = {}) => {
    const log = await open();
    const whole = { follow: true, signal: new AbortController().signal, ...reading };
    const gap = await log.read(HOST, whole, (_, event) => void heard.push(event));
    log.close();
    return gap;
  };
  const dispose = async () => {
    await record.close();
    await peer[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  };
  return { record, peer, calls, heard, open, read, [Symbol.asyncDispose]: dispose };
}

const RESULT: RunResult = {
  ...{ host: HOST, script: "deploy", exit: 0, stdout: "0123456789", stderr: "err\n", rtt: "1ms" },
  ...{ reqid: REQID, state: "ended", stdout_dropped: 5 },
};

const NOT_YET = [{ error: "no such run" }, "404 Not Found"] as const;

const kinds = (heard: readonly RunEvent[]) => heard.map(({ kind }) => kind);

test("a record is read from a byte on, and what was dropped is named all the same", async () => {
  await using stage = await stageOf(() => undefined);
  stage.record.add(RESULT);
  await stage.record.close();
  expect(await stage.read({ from: { stdout: 7, stderr: 4 } })).toBeUndefined();
  expect(stage.heard).toMatchObject([
    { kind: "begin" },
    { kind: "output", stream: "stdout", offset: 7, bytes: Buffer.from("789") },
    { kind: "dropped", stream: "stdout", offset: 10, bytes: 5 },
    { kind: "end", end: { stdout_bytes: 15, stderr_bytes: 4 } },
  ]);
});

test("a host that never ran the script has no beginning", async () => {
  await using stage = await stageOf(() => undefined);
  stage.record.add({ ...RESULT, state: "never-ran", error: "not permitted", exit: -1 });
  await stage.record.close();
  await stage.read();
  expect(stage.heard[0]?.kind).not.toBe("begin");
  expect(stage.heard.at(-1)).toMatchObject({ kind: "end", end: { state: "never-ran" } });
});

test("an agent that has not been sent the run is asked again, soon", async () => {
  await using stage = await stageOf((call) => {
    if (stage.calls.length < 4) call.json(...NOT_YET);
    else {
      call.begin();
      call.end();
    }
  });
  const began = performance.now();
  expect(await stage.read()).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(2000);
  expect(kinds(stage.heard)).toEqual(["begin", "end"]);
});

test("it never was: the result in the record is told as soon as it is there", async () => {
  await using stage = await stageOf((call) => call.json(...NOT_YET));
  const reading = stage.read();
  await until("the agent was asked", () => stage.calls.length > 1);
  stage.record.add({ ...RESULT, state: "never-ran", error: "refused", exit: -1 });
  expect(await reading).toBeUndefined();
  expect(stage.heard.at(-1)).toMatchObject({ kind: "end", end: { error: "refused" } });
});

test("nobody will send it: its agent has nothing of the run", async () => {
  await using stage = await stageOf((call) => call.json(...NOT_YET));
  await stage.record.close();
  expect(await stage.read()).toMatchObject({ answered: true });
  expect(stage.calls).toHaveLength(1);
});

test("who follows waits for an agent that is away; who does not is told at once", async () => {
  await using stage = await stageOf((call) => {
    if (stage.calls.length < 3) call.hangUp();
    else {
      call.begin();
      call.end();
    }
  });
  await stage.record.close();
  expect(await stage.read({ follow: false })).toMatchObject({ answered: false });
  expect(await stage.read()).toBeUndefined();
  expect(kinds(stage.heard)).toEqual(["begin", "end"]);
});

test("who leaves meanwhile is gone", async () => {
  await using stage = await stageOf((call) => call.json(...NOT_YET));
  const leave = new AbortController();
  const reading = stage.read({ signal: leave.signal });
  await until("the agent was asked", () => stage.calls.length > 2);
  leave.abort();
  expect(await reading).toBeUndefined();
});

test("of a script that prints without end, there is what it has printed by now", async () => {
  await using stage = await stageOf((call) => {
    call.begin();
    let offset = call.print("x".repeat(300_000));
    const printing = setInterval(() => {
      offset = call.print(".\n", offset);
    }, 20);
    call.whenGone(() => clearInterval(printing));
  });
  await stage.record.close();
  const began = performance.now();
  expect(await stage.read({ follow: false })).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(5000);
  const pieces = stage.heard.flatMap((event) => (event.kind === "output" ? [event.bytes] : []));
  expect(Buffer.concat(pieces).length).toBeGreaterThan(300_000);
});

test("an output's extent and any part of it", async () => {
  await using stage = await stageOf(() => undefined);
  stage.record.add(RESULT);
  await stage.record.close();
  const log = await stage.open();
  const output = new OutputReader(log, HOST, "stdout");
  const { signal } = new AbortController();
  for (const near of [0, 3, 10, 12, 99]) {
    const extent = await output.extent(near, signal);
    expect(extent).toEqual({ length: 10, complete: true, dropped: 5 });
  }
  const pieces: Buffer[] = [];
  const write = async (bytes: Uint8Array) => void pieces.push(Buffer.from(bytes));
  expect(await output.bytes({ first: 2, end: 5 }, signal, write)).toBe(true);
  expect(Buffer.concat(pieces).toString()).toBe("234");
  expect(await output.bytes({ first: 2, end: 2 }, signal, write)).toBe(true);
  expect(await output.bytes({ first: 8, end: 12 }, signal, write)).toBe(false);
  log.close();
});

test("an agent is asked for a part from its first byte on, and let go behind its last", async () => {
  const gone = Promise.withResolvers<void>();
  await using stage = await stageOf((call) => {
    call.begin();
    call.print("56789", Number(call.body.stdout));
    call.whenGone(gone.resolve);
  });
  await stage.record.close();
  const log = await stage.open();
  const output = new OutputReader(log, HOST, "stdout");
  let text = "";
  const write = async (bytes: Uint8Array) => {
    text += Buffer.from(bytes).toString();
  };
  const { signal } = new AbortController();
  expect(await output.bytes({ first: 5, end: 8 }, signal, write)).toBe(true);
  await gone.promise;
  expect(text).toBe("567");
  expect(stage.calls.map(({ body }) => body.stdout)).toEqual([5]);
  log.close();
});
