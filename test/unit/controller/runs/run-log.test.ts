/** Reading one host of a run: from a byte on, and from an agent that cannot tell yet. */
import { expect, test } from "bun:test";
import { KeptDialler } from "../../../../src/controller/fleet/kept-dialler.ts";
import type { Reading } from "../../../../src/controller/runs/log-reading.ts";
import { OutputReader } from "../../../../src/controller/runs/output-reader.ts";
import { openRunLog } from "../../../../src/controller/runs/run-log.ts";
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
  return { fleet, record, peer, calls, heard, open, read, [Symbol.asyncDispose]: dispose };
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

const GAP = "its agent does not know this run, or is older than 1.1";

test.each<[string, (call: StreamedCall) => void, object]>([
  [
    "has nothing of the run",
    (call) => call.json(...NOT_YET),
    { why: GAP, answered: true, isLast: false },
  ],
  [
    "is older than 1.1",
    (call) => call.json({ error: "not found" }, "404 Not Found"),
    { why: GAP, answered: true, isLast: true },
  ],
  [
    "refuses",
    (call) => call.json({ error: "no such run" }, "403 Forbidden"),
    { why: GAP, answered: true, isLast: false },
  ],
  [
    "is busy",
    (call) => call.json({ error: "busy" }, "503 Service Unavailable"),
    { why: GAP, answered: false, isLast: false },
  ],
  [
    "hangs up",
    (call) => call.hangUp(),
    { why: expect.stringContaining("closed the connection"), answered: false, isLast: false },
  ],
])("of an agent that %s, who does not follow is told so at once", async (_, answer, gap) => {
  await using stage = await stageOf(answer);
  await stage.record.close();
  expect(await stage.read({ follow: false })).toEqual(gap as never);
  expect([stage.calls.length, stage.heard]).toEqual([1, []]);
});

test("an agent that has begun to tell, and then knows nothing, leaves a gap of its own words", async () => {
  await using stage = await stageOf((call) => {
    if (stage.calls.length > 1) call.json(...NOT_YET);
    else {
      call.begin();
      setTimeout(() => call.hangUp(), 20);
    }
  });
  await stage.record.close();
  expect(await stage.read()).toEqual({ why: "no such run", answered: false });
});

test("a host that is not in the run has nothing, and never will", async () => {
  await using stage = await stageOf(() => undefined);
  const log = await stage.open();
  expect([log.alive, log.report.hosts, log.recorded(HOST)]).toEqual([true, [HOST], undefined]);
  const reading = { follow: true, signal: new AbortController().signal };
  const gap = { why: GAP, answered: false, isLast: true };
  expect(await log.read("db-01", reading, () => undefined)).toEqual(gap);
  expect(stage.calls).toEqual([]);
  log.close();
});

/** The record had no room for "abc", and the agent has dropped two more. */
const UNRECORDED = { ...RESULT, stderr: "err", stdout_dropped: 5, stdout_unrecorded: 3 };

test("what was not recorded comes from the agent, from there on; what the agent dropped is asked of nobody", async () => {
  await using stage = await stageOf(printing("0123456789abc", 2, 10));
  stage.record.add({ ...UNRECORDED, stderr_dropped: 7 });
  await stage.record.close();
  expect(await stage.read({ signal: AbortSignal.abort() })).toBeUndefined();
  expect([stage.heard, stage.calls]).toEqual([[], []]);
  expect(await stage.read({ from: { stdout: 7, stderr: 4 } })).toBeUndefined();
  expect(stage.heard).toMatchObject([
    { kind: "begin" },
    { kind: "output", stream: "stdout", offset: 7, bytes: Buffer.from("789") },
    { kind: "output", stream: "stdout", offset: 10, bytes: Buffer.from("abc") },
    { kind: "dropped", stream: "stdout", offset: 13, bytes: 2 },
    { kind: "dropped", stream: "stderr", offset: 3, bytes: 7 },
    { kind: "end", end: { stdout_bytes: 15, stderr_bytes: 10 } },
  ]);
  expect(stage.calls.map(({ body }) => body)).toEqual([{ reqid: REQID, stdout: 10, stderr: 10 }]);
  await stage.read({ from: { stdout: 13, stderr: 0 } });
  expect(stage.calls).toHaveLength(1);
});

test.each<[string, (call: StreamedCall) => void, string, boolean]>([
  ["does not know it", (call) => call.json(...NOT_YET), "had no room for the rest, and", true],
  ["refuses", (call) => call.json({ error: "no" }, "403 Forbidden"), "asked now: no", false],
  ["is away", (call) => call.hangUp(), "the rest is on that host, which cannot", false],
])(
  "an agent that %s: what was not recorded is told as dropped, and why",
  async (_, answer, why, answered) => {
    await using stage = await stageOf(answer);
    stage.record.add(UNRECORDED);
    await stage.record.close();
    const gap = await stage.read({ follow: false });
    expect(gap).toMatchObject({ why: expect.stringContaining(why), answered });
    expect(stage.heard).toMatchObject([
      { kind: "begin" },
      { bytes: Buffer.from("0123456789") },
      { stream: "stderr" },
      { kind: "dropped", stream: "stdout", offset: 10, bytes: 5 },
      { kind: "end", end: { stdout_bytes: 15 } },
    ]);
    const log = await stage.open();
    const { signal } = new AbortController();
    const extent = await new OutputReader(log, HOST, "stdout").extent(0, signal);
    expect(extent).toEqual({ length: 10, complete: answered, dropped: 5 });
    log.close();
  },
);

test("who follows waits for an agent that is away and has what was not recorded; no byte comes twice", async () => {
  const answers = [
    (call: StreamedCall) => call.hangUp(),
    (call: StreamedCall) => call.json({ error: "busy" }, "503 Service Unavailable"),
    printing("0123456789abc", 2),
  ];
  await using stage = await stageOf((call) => answers.shift()?.(call));
  stage.record.add(UNRECORDED);
  await stage.record.close();
  expect(await stage.read({ follow: true })).toBeUndefined();
  expect(stage.calls).toHaveLength(3);
  expect(stage.heard).toMatchObject([
    { kind: "begin" },
    { bytes: Buffer.from("0123456789") },
    { stream: "stderr" },
    { kind: "output", stream: "stdout", offset: 10, bytes: Buffer.from("abc") },
    { kind: "dropped", stream: "stdout", offset: 13, bytes: 2 },
    { kind: "end", end: { stdout_bytes: 15 } },
  ]);
});

const ends = (call: StreamedCall) => {
  call.begin();
  call.end();
};

test.each<[string, (call: StreamedCall) => void, boolean]>([
  ["how it ended", ends, true],
  ["that it does not know it", (call) => call.json(...NOT_YET), true],
  ["nothing that it could not have said before", (call) => call.hangUp(), false],
])(
  "an agent that has said %s: its end is asked for and recorded, once",
  async (_, answer, news) => {
    await using stage = await stageOf((call) => {
      if (call.what === "POST /follow") answer(call);
      else if (call.what.startsWith("POST")) call.json({ status: "withdrawn", known_for: 3600 });
      else if (answer === ends) {
        call.json({ status: "done", exit: 0, stdout: "", stderr: "", state: "ended" });
      } else call.json(...NOT_YET);
    });
    await stage.record.close();
    const log = await stage.open();
    const reading = { follow: false, signal: new AbortController().signal };
    await log.read(HOST, reading, () => undefined);
    const asked = stage.calls.length;
    await log.learn();
    expect(stage.calls.length > asked).toBe(news);
    const learned = stage.calls.length;
    await log.learn();
    expect(stage.calls).toHaveLength(learned);
    log.close();
  },
);

/** An agent that has printed these bytes, and says how much it has dropped. */
function printing(text: string, dropped = 0, stderr_bytes = 3) {
  return (call: StreamedCall) => {
    call.begin();
    const from = Number(call.body.stdout);
    if (from < text.length) call.print(text.slice(from), from);
    if (Number(call.body.stderr) === 0) call.print("err", 0, "stderr");
    if (dropped > 0)
      call.event({ kind: "dropped", stream: "stdout", offset: text.length, bytes: dropped });
    const stdout_bytes = text.length + dropped;
    call.end({ stdout_bytes, stderr_bytes });
  };
}

test("the extent of what an agent has is measured from a byte on that is there, most likely", async () => {
  await using stage = await stageOf(printing("0123456789", 2));
  await stage.record.close();
  const log = await stage.open();
  const output = new OutputReader(log, HOST, "stdout");
  const { signal } = new AbortController();
  const all = { length: 10, complete: true, dropped: 2 };
  const asked = () => stage.calls.splice(0).map(({ body }) => body.stdout);
  for (const [near, from] of [
    [0, [0]],
    [5, [5]],
    [9, [9]],
    [10, [10, 0]],
  ] as const) {
    expect(await output.extent(near, signal)).toEqual(all);
    expect(asked()).toEqual([...from]);
  }
  const errors = new OutputReader(log, HOST, "stderr");
  expect(await errors.extent(0, signal)).toEqual({ length: 3, complete: true, dropped: 0 });
  log.close();
});

test("of an output that was not recorded, the agent may have all, or nothing either", async () => {
  const answers = [printing("0123456789"), (call: StreamedCall) => call.json(...NOT_YET)];
  for (const [answer, extent, has] of [
    [answers[0], { length: 10, complete: true, dropped: 0 }, true],
    [answers[1], { length: 0, complete: true, dropped: 10 }, false],
  ] as const) {
    await using stage = await stageOf((call) => answer?.(call));
    const none = { stdout: "", stderr: "err", stdout_dropped: 10, stdout_unrecorded: 10 };
    stage.record.add({ ...RESULT, ...none });
    await stage.record.close();
    const log = await stage.open();
    const output = new OutputReader(log, HOST, "stdout");
    const { signal } = new AbortController();
    expect(await output.extent(0, signal)).toEqual(extent);
    let text = "";
    const write = async (bytes: Uint8Array) => {
      text += Buffer.from(bytes).toString();
    };
    expect(await output.bytes({ first: 2, end: 5 }, signal, write)).toBe(has);
    expect([text, stage.calls.length]).toEqual([has ? "234" : "", 2]);
    log.close();
  }
});

test("who leaves is given no more bytes", async () => {
  await using stage = await stageOf((call) => {
    call.begin();
    call.print("0123");
  });
  await stage.record.close();
  const log = await stage.open();
  const output = new OutputReader(log, HOST, "stdout");
  const leave = new AbortController();
  let text = "";
  const reading = output.bytes({ first: 0, end: 9 }, leave.signal, async (bytes) => {
    text += Buffer.from(bytes).toString();
    leave.abort();
  });
  expect(await reading).toBe(false);
  expect(text).toBe("0123");
  log.close();
});

test("T29 what a log has read counts until it is closed, and that of a run that is not there does not", async () => {
  await using stage = await stageOf(() => undefined);
  const long = "x".repeat(60_000);
  stage.record.add({ ...RESULT, stdout: long, stderr: long });
  await stage.record.close();
  const dialler = new KeptDialler();
  const { controller } = stage.fleet;
  const config = { ...controller.config, max_replies: 400_000 };
  const shared = { ...controller, config, dialler };
  const isFree = () => {
    const reply = dialler.budget(config).open().openReply();
    const held = reply.hold(16_384 + 290_000);
    reply.giveBack();
    return held;
  };
  const log = await openRunLog(shared, CALLER, REQID);
  expect(isFree()).toBe(false);
  log.close();
  expect(isFree()).toBe(true);
  await expect(openRunLog(shared, CALLER, "00000000000000ff")).rejects.toThrow("no such run");
  expect(isFree()).toBe(true);
});
