/** A run whose hosts are heard while they are under way. */
import { expect, test } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RunSink } from "../../../../src/controller/runs/listener.ts";
import { readLogs } from "../../../../src/controller/runs/logs.ts";
import { startRun } from "../../../../src/controller/runs/start-run.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { outputBytes } from "../../../../src/core/output-bytes.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import { workDescriptors } from "../../../../src/system/process/descriptors.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

/** A run of `deploy` on web-01, where `answer` stands in for the agent. */
async function runOn(
  answer: (call: StreamedCall) => void,
  { lines = [], onEvent }: { lines?: readonly string[]; onEvent?: RunSink } = {},
) {
  const fleet = await LocalFleet.create(lines);
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const calls: StreamedCall[] = [];
  const peer = await streamingPeer(agent, (call) => {
    calls.push(call);
    answer(call);
  });
  const hosts = [`web-01:${peer.port}`];
  const order = { hosts, port: undefined, script: "deploy", args: [], watch: () => ({ onEvent }) };
  const run = await startRun(fleet.controller, CALLER, order, () => undefined);
  const dispose = async () => {
    await peer[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  };
  return { fleet, run, calls, [Symbol.asyncDispose]: dispose };
}

test("what is heard is told in order, and the result has all of it", async () => {
  const heard: [string, RunEvent["kind"]][] = [];
  const onEvent: RunSink = (host, event) => void heard.push([host, event.kind]);
  const bytes = Buffer.from([0xff, 0x0a]);
  await using stage = await runOn(
    (call) => {
      call.begin();
      call.print("one\n");
      call.event({ kind: "alive" });
      call.print("two\n", 4);
      call.print(bytes, 0, "stderr");
      call.event({ kind: "dropped", stream: "stderr", offset: 2, bytes: 5 });
      call.end({ exit: 3, stdout_bytes: 8, stderr_bytes: 7 });
    },
    { onEvent },
  );
  const { results, reqid } = await stage.run.finished;
  const result = {
    host: "web-01",
    script: "deploy",
    exit: 3,
    stdout: "one\ntwo\n",
    stderr: "\ufffd\n",
    rtt: expect.stringMatching(/^\d+ms$/),
    reqid,
    state: "ended",
    stderr_b64: bytes.toString("base64"),
    stderr_dropped: 5,
    started: "2026-01-15T12:00:00Z",
    ended: "2026-01-15T12:00:01Z",
  } as const;
  expect(results).toEqual([result]);
  const kinds = heard.map(([, kind]) => kind);
  expect(kinds).toEqual(["begin", "output", "alive", "output", "output", "dropped", "end"]);
  expect(new Set(heard.map(([host]) => host))).toEqual(new Set(["web-01"]));
  const shown = await showRun(stage.fleet.controller, CALLER, { reqid, live: false });
  expect(shown.results).toEqual([result]);
  expect(stage.calls.map(({ what, body }) => [what, body.stream])).toEqual([["POST /run", 1]]);
});

test("T72 nothing more is read while the sink is busy", async () => {
  const busy = Promise.withResolvers<void>();
  let events = 0;
  const onEvent: RunSink = async () => {
    events += 1;
    await busy.promise;
  };
  await using stage = await runOn(
    (call) => {
      call.begin();
      call.print("x");
      call.end({ stdout_bytes: 1 });
    },
    { onEvent },
  );
  await until("the first has come", () => events === 1);
  await Bun.sleep(50);
  expect(events).toBe(1);
  busy.resolve();
  expect((await stage.run.finished).results).toMatchObject([{ exit: 0, stdout: "x" }]);
});

test("who waits for the result alone waits for read_timeout, and is told that the script runs", async () => {
  await using stage = await runOn(
    (call) => {
      if (call.what === "POST /run") call.begin();
      else call.json({ error: "not found" }, "404 Not Found");
    },
    { lines: ["read_timeout = 1"] },
  );
  const { results, reqid } = await stage.run.finished;
  const running = { exit: -1, state: "running", started: "2026-01-15T12:00:00Z" };
  expect(results).toMatchObject([{ ...running, error: "read timeout after 1s" }]);
  // Its process waits no longer, so its agent is asked: this one does not know.
  stage.calls.length = 0;
  const shown = await showRun(stage.fleet.controller, CALLER, { reqid, live: false });
  expect(stage.calls).toHaveLength(1);
  expect(shown).toMatchObject({ complete: false, pending: ["web-01"], results: [running] });
});

// Takes as long as the record of a run under way is not written again.
test("while a run is waited for, its record says where the script has started, for when that agent is away", async () => {
  const end = Promise.withResolvers<void>();
  await using stage = await runOn(
    async (call) => {
      if (call.what !== "POST /run") return call.hangUp();
      call.begin();
      await end.promise;
      call.end();
    },
    { onEvent: () => undefined },
  );
  const { reqid, finished } = stage.run;
  const show = async () => {
    const { results } = await showRun(stage.fleet.controller, CALLER, { reqid, live: true });
    return results.at(0);
  };
  expect(await show()).toMatchObject({
    state: "running",
    error: expect.stringMatching(/^cannot be asked now: .*; the process .* still waits for it$/),
  });
  const isNoted = async () => (await show())?.started === "2026-01-15T12:00:00Z";
  await until("the record has it", isNoted);
  expect(await show()).toMatchObject({
    state: "running",
    exit: -1,
    error: expect.stringMatching(/^cannot be asked now: .*; when last heard of, .* was running$/),
  });
  end.resolve();
  expect((await finished).results).toMatchObject([{ state: "ended", exit: 0 }]);
  expect(await show()).toMatchObject({ state: "ended", exit: 0 });
});

test("a run that is listened to may take longer than read_timeout", async () => {
  await using stage = await runOn(
    async (call) => {
      call.begin();
      await Bun.sleep(1200);
      call.end();
    },
    { lines: ["read_timeout = 1"], onEvent: () => undefined },
  );
  expect((await stage.run.finished).results).toMatchObject([{ exit: 0, state: "ended" }]);
});

test("when the connection breaks, the rest is asked for: every byte is there, once", async () => {
  await using stage = await runOn((call) => {
    call.begin();
    if (call.what === "POST /run") {
      call.print("before\n");
      setTimeout(() => call.hangUp(), 50);
    } else {
      call.print("after\n", 7);
      call.end({ stdout_bytes: 13 });
    }
  });
  expect((await stage.run.finished).results).toMatchObject([
    { exit: 0, state: "ended", stdout: "before\nafter\n" },
  ]);
  expect(stage.calls.map(({ what }) => what)).toEqual(["POST /run", "POST /follow"]);
  expect(stage.calls[1]?.body).toMatchObject({ stdout: 7, stderr: 0, token: 1 });
});

test("T65 so many are heard at once that each has the descriptors for its connection and its two files", async () => {
  await using fleet = await LocalFleet.create();
  const descriptors = workDescriptors();
  const calls: StreamedCall[] = [];
  const hosts: string[] = [];
  await using peers = new AsyncDisposableStack();
  for (const name of ["web-01", "web-02"]) {
    const agent = await fleet.addAgent(name);
    await agent.stop();
    const peer = peers.use(await streamingPeer(agent, (call) => void calls.push(call)));
    hosts.push(`${name}:${peer.port}`);
  }
  // Each lock takes one, and a run does not begin with fewer than four more.
  const kept = descriptors.free - 7;
  descriptors.take(kept);
  peers.defer(() => descriptors.giveBack(kept));
  const onEvent = () => undefined;
  const order = { hosts, port: undefined, script: "deploy", args: [], watch: () => ({ onEvent }) };
  const run = await startRun(fleet.controller, CALLER, order, () => undefined);
  for (const asked of [1, 2]) {
    await until("as many are asked as may be", () => calls.length >= asked);
    await Bun.sleep(20);
    expect(calls).toHaveLength(asked);
    calls.at(-1)?.begin();
    calls.at(-1)?.end();
  }
  expect((await run.finished).results.map(({ exit }) => exit)).toEqual([0, 0]);
});

test("T69 more output than may be held is dropped, and the end is known all the same", async () => {
  await using stage = await runOn(
    (call) => {
      call.begin();
      const piece = "x".repeat(60_000);
      call.print(piece, call.print(piece));
      call.end({ exit: 4, stdout_bytes: 120_000 });
    },
    { lines: ["max_reply = 100K"] },
  );
  expect((await stage.run.finished).results).toMatchObject([
    {
      exit: 4,
      state: "ended",
      stdout: "",
      stdout_dropped: 120_000,
      error: expect.stringContaining("larger than 100 KiB"),
    },
  ]);
});

test("T72 of a run that is heard as it comes, long output is in a file alone, whatever max_reply says", async () => {
  await using stage = await runOn(
    (call) => {
      call.begin();
      let offset = 0;
      for (let piece = 0; piece < 20; piece++) offset = call.print("x".repeat(60_000), offset);
      call.end({ stdout_bytes: offset });
    },
    { lines: ["max_reply = 100K", "max_replies = 1M"], onEvent: () => undefined },
  );
  const { results, reqid, recorded } = await stage.run.finished;
  expect(recorded).toBe(true);
  expect(results).toMatchObject([{ exit: 0, state: "ended" }]);
  expect(results[0]).not.toHaveProperty("error");
  const shown = await showRun(stage.fleet.controller, CALLER, { reqid, live: false });
  for (const [result] of [results, shown.results]) {
    expect(Buffer.concat([...outputBytes(result!, "stdout")])).toHaveLength(1_200_000);
    expect(result).not.toHaveProperty("stdout_dropped");
  }
});

test("who gives up a host that prints gives up its output, and the agent is asked for all of it", async () => {
  await using stage = await runOn(
    (call) => {
      call.begin();
      const half = call.print("x".repeat(60_000), call.print("x".repeat(60_000)));
      if (call.what === "POST /follow") call.end({ stdout_bytes: half });
    },
    { onEvent: () => undefined },
  );
  const { reqid } = stage.run;
  const file = join(stage.fleet.controller.config.state_dir, "runs", `${reqid}.d`, "0.stdout");
  await until("there is output", () => existsSync(file) && statSync(file).size === 120_000);
  await stage.run.abandon("the test stopped");
  const bytes: Uint8Array[] = [];
  const signal = new AbortController().signal;
  await readLogs(stage.fleet.controller, CALLER, { reqid, follow: true, signal }, (_, event) => {
    if (event.kind === "output") bytes.push(Buffer.from(event.bytes));
  });
  expect(Buffer.concat(bytes)).toHaveLength(120_000);
});

test("who gives up a host that has begun knows that it runs, and hears no more of it", async () => {
  const heard: string[] = [];
  const onEvent: RunSink = (_, { kind }) => void heard.push(kind);
  await using stage = await runOn((call) => call.begin(), { onEvent });
  await until("it has begun", () => heard.length > 0);
  await stage.run.abandon("the test stopped");
  expect((await stage.run.finished).results).toMatchObject([
    { state: "running", error: "the test stopped before the script had ended there" },
  ]);
  const [call] = stage.calls;
  const gone = Promise.withResolvers<void>();
  call?.whenGone(gone.resolve);
  call?.print("late\n");
  call?.end({ stdout_bytes: 5 });
  await gone.promise;
  expect(heard).toEqual(["begin"]);
});
