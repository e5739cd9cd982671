/** A run's events as a client gets them, from agents whose streams the test dictates. */
import { describe, expect, test } from "bun:test";
import type { StreamReader } from "../../../src/api/answer.ts";
import { readEventId, startOf } from "../../../src/api/event-id.ts";
import { sendEvents } from "../../../src/api/event-stream.ts";
import { openRunLog } from "../../../src/controller/runs/run-log.ts";
import type { RolloutFacts } from "../../../src/controller/store/ports/runs.ts";
import { PLAIN_ROLLOUT } from "../../../src/core/rollout.ts";
import { type RunResult, withoutResult } from "../../../src/core/run-result.ts";
import { isoSeconds } from "../../../src/core/time.ts";
import type { RolloutMessage } from "../../../src/core/wire/run-messages.ts";
import { until } from "../../support/folder.ts";
import { CALLER, LocalFleet } from "../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../support/streaming-peer.ts";

const REQID = "0123456789abcdef";

const HOST = "web-01";
const OTHERS = ["db-01", "db-02"];

/** A run on web-01, where `answer` stands in for the agent, and perhaps on hosts that cannot be asked. */
async function stageOf(
  answer: (call: StreamedCall) => void,
  others: readonly string[] = [],
  rollout?: RolloutFacts,
) {
  const fleet = await LocalFleet.create();
  const agent = await fleet.addAgent(HOST);
  await agent.stop();
  const calls: StreamedCall[] = [];
  const peer = await streamingPeer(agent, (call) => {
    calls.push(call);
    answer(call);
  });
  const facts = {
    ...{ reqid: REQID, script: "deploy", submitter: "tester", token: "" },
    ...(rollout && { rollout }),
  };
  const hosts = [HOST, ...others];
  const ports = hosts.map((host) => (host === HOST ? peer.port : null));
  const record = await fleet.controller.store.runs.begin({ ...facts, hosts, ports }, true);
  await record.stored;
  const client = async (id = "", silenceMs = 10_000, lateMs = 10_000) => {
    const log = await openRunLog(fleet.controller, CALLER, REQID);
    const position = readEventId(id, [hosts.length])?.[0] ?? startOf(hosts.length);
    const reader = new Client();
    const following = { parallel: 8, now: () => fleet.now, silenceMs, lateMs };
    const sent = sendEvents([{ log, position }], following, reader).finally(() => log.close());
    return { reader, sent };
  };
  const dispose = async () => {
    await record.close();
    await peer[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  };
  return { fleet, record, calls, client, [Symbol.asyncDispose]: dispose };
}

interface Message {
  readonly id: string;
  readonly data: Record<string, unknown>;
}

/** Reads what it is sent, unless it has stopped. */
class Client implements StreamReader {
  readonly #leaving = new AbortController();
  readonly signal = this.#leaving.signal;
  text = "";
  reading: Promise<void> = Promise.resolve();
  #isWriting = false;

  async write(bytes: string | Uint8Array): Promise<void> {
    if (this.signal.aborted) return;
    expect(this.#isWriting, "one message after the other").toBe(false);
    this.#isWriting = true;
    this.text += bytes.toString();
    await this.reading;
    this.#isWriting = false;
  }

  leave(): void {
    this.#leaving.abort();
  }

  get messages(): Message[] {
    return this.text.split("\n\n").flatMap((block) => {
      const [, id = "", data = ""] = /^id: (.*)\ndata: (.*)$/.exec(block) ?? [];
      return data === "" ? [] : [{ id, data: JSON.parse(data) }];
    });
  }

  get events(): unknown[] {
    return this.messages.map(({ data }) => data.event);
  }
}

const resultOf = (host: string, changes: Partial<RunResult> = {}) =>
  ({
    ...{ host, script: "deploy", exit: 0, stdout: "Zoë\n", stderr: "", rtt: "1ms" },
    ...{ reqid: REQID, state: "ended", started: "2026-01-15T12:00:00Z" },
    ...changes,
  }) as RunResult;

describe("the messages", () => {
  test("of a recorded run: each host's, then the summary; every id goes on after its message", async () => {
    await using stage = await stageOf(() => undefined, ["db-01"]);
    const bytes = Buffer.from([0xff, 0x0a]);
    stage.record.add(resultOf(HOST, { stderr: "?", stderr_b64: bytes.toString("base64") }));
    stage.record.add(resultOf("db-01", { exit: 3, stdout: "", stderr: "", stdout_dropped: 7 }));
    await stage.record.close();
    const { reader, sent } = await stage.client();
    await sent;
    expect(reader.text).toStartWith("retry: 2000\n\n");
    const { messages } = reader;
    expect(messages.every(({ data }) => data.reqid === REQID)).toBe(true);
    const web = messages.filter(({ data }) => data.host === HOST).map(({ data }) => data);
    expect(web).toMatchObject([
      { event: "start", script: "deploy", started: "2026-01-15T12:00:00Z" },
      { event: "stdout", stream: "stdout", offset: 0, data: "Zoë\n" },
      { event: "stderr", stream: "stderr", offset: 0, data_b64: "/wo=" },
      { event: "end", state: "ended", exit: 0 },
    ]);
    expect(messages.map(({ data }) => data)).toContainEqual(
      expect.objectContaining({ event: "end", host: "db-01", exit: 3, stdout_dropped: 7 }),
    );
    const { data: summary, id } = messages.at(-1) ?? {};
    expect(summary).toMatchObject({ event: "summary", hosts: 2, outcomes: { ok: 1, failed: 1 } });
    expect(id).toBe("S");
    for (const [index, message] of messages.entries()) {
      if (message.id === "S") continue;
      const { reader: next, sent: rest } = await stage.client(message.id);
      await rest;
      const told = messages
        .slice(index + 1)
        .map(({ data }) => JSON.stringify(data))
        .sort();
      expect(next.messages.map(({ data }) => JSON.stringify(data)).sort()).toEqual(told);
    }
  });

  test("of a run that goes on: what is printed, when it is printed", async () => {
    await using stage = await stageOf((call) => call.begin());
    await stage.record.close();
    const { reader, sent } = await stage.client();
    await until("it has begun", () => reader.events.includes("start"));
    const [call] = stage.calls;
    call?.print("one\n");
    await until("the first line is here", () => reader.text.includes("one"));
    call?.print("two\n", 4);
    call?.end({ exit: 3, stdout_bytes: 8 });
    await sent;
    expect(reader.messages.map(({ id }) => id)).toEqual(["R0-0", "R4-0", "R8-0", "F", "S"]);
    expect(reader.messages.at(-2)?.data).toMatchObject({ event: "end", exit: 3, rtt: "1000ms" });
  });

  test("a character that is cut waits for its end, and its id for it", async () => {
    await using stage = await stageOf((call) => call.begin());
    await stage.record.close();
    const { reader, sent } = await stage.client();
    const bytes = Buffer.from("a日");
    await until("it has begun", () => reader.events.includes("start"));
    stage.calls[0]?.print(bytes.subarray(0, 3));
    await until("what is whole is here", () => reader.events.length === 2);
    expect(reader.messages.at(-1)).toMatchObject({ id: "R1-0", data: { data: "a" } });
    stage.calls[0]?.print(bytes.subarray(3), 3);
    stage.calls[0]?.end({ stdout_bytes: 4 });
    await sent;
    expect(reader.messages[2]).toMatchObject({ id: "R4-0", data: { offset: 1, data: "日" } });
  });

  test("a terminal obeys none of them", async () => {
    await using stage = await stageOf(() => undefined);
    stage.record.add(resultOf(HOST, { stdout: "\u001b[2J\u009b\u2028\r\n\n" }));
    await stage.record.close();
    const { reader, sent } = await stage.client();
    await sent;
    expect(reader.text).not.toMatch(/[\u007f-\u009f\u2028\r]/);
    expect(reader.text).not.toContain("\u001b");
    expect(reader.messages[1]?.data.data).toBe("\u001b[2J\u009b\u2028\r\n\n");
  });
});

test("a comment says that the connection lives, again and again, while a script is silent", async () => {
  await using stage = await stageOf((call) => call.begin());
  await stage.record.close();
  const { reader, sent } = await stage.client("", 20);
  await until("three have come", () => reader.text.endsWith("}\n\n:\n\n:\n\n:\n\n"));
  reader.leave();
  await sent;
  const { text } = reader;
  await Bun.sleep(60);
  expect(reader.text).toBe(text);
});

describe("a summary", () => {
  const [EARLY, LATE] = [3, 7];

  test.each<[number, number, string]>([
    [EARLY, LATE, "7000ms"],
    [LATE, EARLY, "7000ms"],
    [-LATE, -EARLY, "0ms"],
  ])("whose hosts ended after %d and %d s says that it took %s", async (one, other, took) => {
    await using stage = await stageOf(() => undefined, ["db-01"]);
    const after = (seconds: number) =>
      isoSeconds(new Date(stage.fleet.now.getTime() + seconds * 1000));
    stage.record.add(resultOf(HOST, { ended: after(one) }));
    stage.record.add(resultOf("db-01", { ended: after(other) }));
    await stage.record.close();
    const { reader, sent } = await stage.client();
    await sent;
    expect(reader.messages.at(-1)?.data).toMatchObject({ event: "summary", took });
  });

  test("of a run that does not say when its hosts ended is by when it was completed", async () => {
    await using stage = await stageOf(() => undefined);
    stage.record.add(resultOf(HOST));
    stage.fleet.passDays(1 / 24);
    await stage.record.close();
    const { reader, sent } = await stage.client();
    await sent;
    expect(reader.messages.at(-1)?.data).toMatchObject({ event: "summary", took: "3600000ms" });
  });

  test("of one run does not wait for another in the same stream", async () => {
    await using stage = await stageOf((call) => call.begin());
    await stage.record.close();
    const { controller } = stage.fleet;
    const reqid = "fedcba9876543210";
    const facts = { reqid, script: "deploy", submitter: "tester", token: "", hosts: ["db-01"] };
    const over = await controller.store.runs.begin(facts, true);
    over.add(resultOf("db-01"));
    await over.close();
    const logs = [
      await openRunLog(controller, CALLER, REQID),
      await openRunLog(controller, CALLER, reqid),
    ];
    const runs = logs.map((log) => ({ log, position: startOf(1) }));
    const reader = new Client();
    const sent = sendEvents(runs, { parallel: 8, now: () => stage.fleet.now }, reader);
    const summaries = () => reader.messages.filter(({ data }) => data.event === "summary");
    await until("the one that is over is told", () => summaries().length > 0);
    expect(summaries().map(({ data }) => data.reqid)).toEqual([reqid]);
    reader.leave();
    await sent;
    for (const log of logs) log.close();
  });
});

describe("no comment comes", () => {
  test("after the last message", async () => {
    await using stage = await stageOf(() => undefined);
    stage.record.add(resultOf(HOST));
    await stage.record.close();
    const { reader, sent } = await stage.client("", 20);
    await sent;
    const { text } = reader;
    expect(reader.messages.at(-1)?.id).toBe("S");
    await Bun.sleep(60);
    expect(reader.text).toBe(text);
  });

  test("while a message is not read", async () => {
    await using stage = await stageOf((call) => call.begin());
    await stage.record.close();
    const { reader, sent } = await stage.client("", 20);
    await until("it has begun", () => reader.events.includes("start"));
    const unread = Promise.withResolvers<void>();
    reader.reading = unread.promise;
    stage.calls[0]?.print("one\n");
    await until("it is written", () => reader.text.includes("one"));
    const { text } = reader;
    await Bun.sleep(60);
    expect(reader.text).toBe(text);
    unread.resolve();
    reader.leave();
    await sent;
  });
});

describe("goes on", () => {
  test("the agent is asked for the rest alone, and nothing is said twice", async () => {
    await using stage = await stageOf((call) => {
      call.begin();
      call.print("two\n", 4);
      call.end({ stdout_bytes: 8 });
    });
    await stage.record.close();
    const { reader, sent } = await stage.client("R4-0");
    await sent;
    expect(stage.calls[0]?.body).toMatchObject({ stdout: 4, stderr: 0 });
    expect(stage.calls[1]?.what).toBe(`GET /result/${REQID}`);
    expect(reader.events).toEqual(["stdout", "end", "summary"]);
  });

  test("a host that was told is not asked, and counts in the summary", async () => {
    await using stage = await stageOf(() => undefined, OTHERS);
    for (const host of OTHERS) stage.record.add(resultOf(host));
    await stage.record.close();
    const { reader, sent } = await stage.client("FO");
    await sent;
    expect(stage.calls).toEqual([]);
    expect(reader.events).toEqual(["start", "stdout", "end", "summary"]);
    expect(reader.messages.at(-1)?.data.outcomes).toEqual({ ok: 2, failed: 1 });
  });

  test("where only the summary is left, that comes", async () => {
    await using stage = await stageOf(() => undefined);
    const { reader, sent } = await stage.client("L");
    await sent;
    expect(reader.messages.map(({ id, data }) => [id, data.outcomes])).toEqual([
      ["S", { lost: 1 }],
    ]);
  });

  test("what was dropped is counted in the end, however often the stream broke", async () => {
    await using stage = await stageOf((call) => {
      call.begin();
      call.event({ kind: "dropped", stream: "stdout", offset: 4, bytes: 96 });
      call.end({ stdout_bytes: 100 });
    });
    await stage.record.close();
    const { reader, sent } = await stage.client("R4-0");
    await sent;
    expect(reader.messages[0]?.data).toMatchObject({ event: "end", stdout_dropped: 96 });
  });
});

describe("a host that cannot tell", () => {
  test("has not been sent the run yet: its events come as soon as it has", async () => {
    await using stage = await stageOf((call) => {
      if (stage.calls.length < 3) call.json({ error: "no such run" }, "404 Not Found");
      else {
        call.begin();
        call.end();
      }
    });
    const { reader, sent } = await stage.client();
    await sent;
    expect(reader.events).toEqual(["start", "end", "summary"]);
    expect(stage.calls.length).toBe(3);
  });

  test("knows nothing: an end that says so, after which the stream can go on", async () => {
    await using stage = await stageOf((call) => {
      call.json({ error: "not found" }, "404 Not Found");
    });
    await stage.record.close();
    const { reader, sent } = await stage.client("R4-0");
    await sent;
    expect(reader.messages).toMatchObject([
      { id: "R4-0", data: { event: "end", state: "running", exit: -1, error: expect.any(String) } },
      { id: "S", data: { event: "summary", outcomes: { running: 1 } } },
    ]);
  });
});

describe("a host whose end may be learnt later", () => {
  test("has an end with an id, and the summary does not end the run for good", async () => {
    let isAway = true;
    await using stage = await stageOf((call) => {
      if (isAway) call.json({ error: "no such run" }, "404 Not Found");
      else {
        call.begin();
        call.end({ exit: 3 });
      }
    });
    await stage.record.close();
    const first = await stage.client();
    await first.sent;
    expect(first.reader.messages).toMatchObject([
      { id: "W", data: { event: "end", state: "unknown" } },
      { id: "W", data: { event: "summary", outcomes: { unknown: 1 } } },
    ]);
    isAway = false;
    const next = await stage.client("W");
    await next.sent;
    expect(next.reader.messages.map(({ id, data }) => [id, data.event])).toEqual([
      ["R0-0", "start"],
      ["F", "end"],
      ["S", "summary"],
    ]);
  });
});

describe("a host of a rollout", () => {
  const batch = (number: number, hosts: string[]) =>
    ({ event: "batch", batch: number, of: 2, hosts }) as const;
  const told = [batch(1, ["db-01"])];
  const rollout = { ...PLAIN_ROLLOUT, waiting: [], batches: [[], [0]], begun: 2, told };
  const runsThrough = (call: StreamedCall) => {
    call.begin();
    call.end();
  };
  const begunStage = () => stageOf(runsThrough, [], rollout);
  type Stage = Awaited<ReturnType<typeof begunStage>>;

  async function end({ record }: Stage, ...messages: readonly RolloutMessage[]) {
    for (const message of messages) record.tell(message);
    record.add(resultOf(HOST));
    await record.close();
  }

  test("is told after its own batch, which is waited for", async () => {
    await using stage = await begunStage();
    const { reader, sent } = await stage.client();
    await until("its agent is asked", () => stage.calls.length === 1);
    await end(stage, batch(2, [HOST]));
    await sent;
    expect(reader.events).toEqual(["batch", "batch", "start", "end", "summary"]);
  });

  test("is told before the end of its batch, unless that is waited for for too long", async () => {
    for (const lateMs of [10_000, 1]) {
      await using stage = await stageOf((call) => call.begin(), [], {
        ...{ ...PLAIN_ROLLOUT, waiting: [], batches: [[0]], begun: 1 },
        told: [
          { event: "batch", batch: 1, of: 1, hosts: [HOST] },
          { event: "batch-end", batch: 1, of: 1, failed: 0 },
        ],
      });
      await stage.record.close();
      const { reader, sent } = await stage.client("", 10_000, lateMs);
      await until("it has begun", () => reader.events.includes("start"));
      const isLate = lateMs === 1;
      if (isLate) await until("it is not waited for", () => reader.events.includes("batch-end"));
      stage.calls[0]?.end();
      await sent;
      const ends = isLate ? ["batch-end", "end"] : ["end", "batch-end"];
      expect(reader.events.filter((event) => event !== "start")).toEqual([
        "batch",
        ...ends,
        "summary",
      ]);
    }
  });

  test("is reported all the same where the record of its batch is late", async () => {
    await using stage = await begunStage();
    const { reader, sent } = await stage.client("", 10_000, 10);
    await until("it has ended", () => reader.events.includes("end"));
    await end(stage, batch(2, [HOST]));
    await sent;
    expect(reader.events).toEqual(["batch", "start", "end", "batch", "summary"]);
  });

  test("waits no longer when the rollout is over", async () => {
    await using stage = await begunStage();
    const { reader, sent } = await stage.client();
    await until("its agent is asked", () => stage.calls.length === 1);
    await end(stage);
    await sent;
    expect(reader.events).toEqual(["batch", "start", "end", "summary"]);
  });

  test("the summary says how far it came, and why it stopped, also after a kill", async () => {
    const reason = "after batch 1 of 2: 1 host failed";
    const far = { batches: 2, begun: 1, not_started: 1 };
    for (const isKilled of [false, true]) {
      const waiting = [HOST];
      await using stage = await stageOf(runsThrough, ["db-01"], {
        ...{ ...PLAIN_ROLLOUT, waiting, batches: [[1], [0]], begun: 1, told },
      });
      const { record } = stage;
      record.add(resultOf("db-01", { exit: 1 }));
      if (isKilled) await record.leave();
      else {
        record.tell({ event: "stopped", reason, not_started: 1 });
        const error = `the rollout stopped ${reason}`;
        record.add(withoutResult(resultOf(HOST), HOST, "", { state: "not-started", error }));
        await record.close();
      }
      const { reader, sent } = await stage.client();
      await sent;
      expect(reader.messages.at(-1)?.data).toMatchObject({
        ...{ event: "summary", recorded: !isKilled, outcomes: { failed: 1, "not-started": 1 } },
        rollout: { ...far, stopped: isKilled ? "after batch 1 of 2: ctrl-exec ended" : reason },
      });
    }
  });
});

describe("T21 a client", () => {
  test("that stops reading stops the agent's stream: one piece is held", async () => {
    const piece = Buffer.alloc(65_536, "x");
    let offset = 0;
    await using stage = await stageOf((call) => {
      call.begin();
      for (let n = 0; n < 400; n++) offset = call.print(piece, offset);
    });
    await stage.record.close();
    const { reader, sent } = await stage.client();
    const { promise, resolve } = Promise.withResolvers<void>();
    await until("it has begun", () => reader.events.includes("start"));
    reader.reading = promise;
    const before = reader.text.length;
    await Bun.sleep(200);
    expect(reader.text.length - before).toBeLessThan(100_000);
    resolve();
    await until("all is here", () => reader.messages.at(-1)?.id === `R${offset.toString(36)}-0`);
    reader.leave();
    await sent;
  });

  test("that leaves ends the agent's stream", async () => {
    const gone = Promise.withResolvers<void>();
    await using stage = await stageOf((call) => {
      call.begin();
      call.whenGone(gone.resolve);
    });
    await stage.record.close();
    const { reader, sent } = await stage.client();
    await until("it has begun", () => reader.events.includes("start"));
    reader.leave();
    await sent;
    await gone.promise;
    expect(reader.events).toEqual(["start"]);
  });
});
