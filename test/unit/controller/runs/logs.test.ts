/** Reading what a script has printed, from the record and from the agent. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RunSink } from "../../../../src/controller/runs/listener.ts";
import { type LogOrder, readLogs } from "../../../../src/controller/runs/logs.ts";
import { outputName } from "../../../../src/controller/store/output-file.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import type { RunFacts, RunRecord } from "../../../../src/controller/store/ports/runs.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

const REQID = "0123456789abcdef";
const NOT_FOUND = ["404 Not Found", { error: "not found" }] as const;

/** A run on web-01, where `answer` stands in for the agent, as far as its record goes. */
async function stageOf(
  answer: (call: StreamedCall) => void,
  facts: Partial<RunFacts> = {},
  lines: readonly string[] = [],
) {
  const fleet = await LocalFleet.create(lines);
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const calls: StreamedCall[] = [];
  const peer = await streamingPeer(agent, (call) => {
    calls.push(call);
    answer(call);
  });
  const run = { reqid: REQID, script: "deploy", submitter: "tester", token: "" };
  const asked = { hosts: ["web-01"], ports: [peer.port] };
  const record = await fleet.controller.store.runs.begin({ ...run, ...asked, ...facts }, true);
  await record.stored;
  const heard: [string, RunEvent][] = [];
  const hear: RunSink = (...event) => void heard.push(event);
  const logs = async (order: Partial<LogOrder> = {}, onEvent = hear) => {
    const whole = { reqid: REQID, follow: false, signal: new AbortController().signal, ...order };
    return await readLogs(fleet.controller, CALLER, whole, onEvent);
  };
  const dispose = async () => {
    await record.close();
    await peer[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  };
  const leave = (text: string) => {
    const path = join(paths(fleet.controller.config).runs, outputName(REQID, 0, "stdout"));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  return { record, calls, heard, logs, leave, [Symbol.asyncDispose]: dispose };
}

const resultOf = (host: string, changes: Partial<RunResult> = {}) =>
  ({
    ...{ host, script: "deploy", exit: 3, stdout: "out\n", stderr: "err\n", rtt: "1ms" },
    ...{ reqid: REQID, state: "ended", started: "2026-01-15T12:00:00Z" },
    ...changes,
  }) as RunResult;

/** The run's process ends without the results that were not added. */
async function left(record: RunRecord): Promise<void> {
  await record.close();
}

/** The bytes of a host's stream. */
function printed(
  heard: readonly [string, RunEvent][],
  stream: "stdout" | "stderr",
  host = "web-01",
) {
  const pieces = heard.flatMap(([from, event]) =>
    from === host && event.kind === "output" && event.stream === stream ? [event.bytes] : [],
  );
  return Buffer.concat(pieces);
}

const kinds = (heard: readonly [string, RunEvent][]) => heard.map(([, { kind }]) => kind);

test("what is recorded is told in order, and nobody is asked", async () => {
  const bytes = Buffer.from([0xff, 0x0a]);
  const hosts = ["web-01", "db-01"];
  await using stage = await stageOf(() => undefined, { hosts });
  stage.record.add(resultOf("web-01", { stderr_b64: bytes.toString("base64"), stderr_dropped: 4 }));
  stage.record.add(resultOf("db-01"));
  await stage.record.close();
  expect(await stage.logs()).toEqual([]);
  const web = stage.heard.filter(([host]) => host === "web-01");
  expect(kinds(web)).toEqual(["begin", "output", "output", "dropped", "end"]);
  expect(printed(stage.heard, "stdout").toString()).toBe("out\n");
  expect(printed(stage.heard, "stderr")).toEqual(bytes);
  expect(web.at(-1)?.[1]).toMatchObject({
    end: { state: "ended", exit: 3, stdout_bytes: 4, stderr_bytes: 6 },
  });
  stage.heard.length = 0;
  await stage.logs({ host: "db-01" });
  expect(new Set(stage.heard.map(([host]) => host))).toEqual(new Set(["db-01"]));
  expect(stage.calls).toEqual([]);
});

test("what no process records is asked of the agent, to its end", async () => {
  await using stage = await stageOf((call) => {
    call.begin();
    call.print("one\n");
    call.end({ exit: 3, stdout_bytes: 4 });
  });
  await left(stage.record);
  expect(await stage.logs({ follow: true })).toEqual([]);
  expect(kinds(stage.heard)).toEqual(["begin", "output", "end"]);
  // Its end is recorded then.
  expect(stage.calls.slice(0, 2).map(({ what, body }) => [what, body.stdout])).toEqual([
    ["POST /follow", 0],
    [`GET /result/${REQID}`, undefined],
  ]);
  expect(stage.calls[0]?.body).not.toHaveProperty("token");
});

test("whoever leaves when the end has come waits for nothing more", async () => {
  await using stage = await stageOf((call) => {
    call.begin();
    call.end({ exit: 3 });
  });
  await left(stage.record);
  const leave = new AbortController();
  const { signal } = leave;
  const gaps = await stage.logs({ follow: true, signal }, (_, { kind }) => {
    if (kind === "end") leave.abort();
  });
  expect([gaps, stage.calls.map(({ what }) => what)]).toEqual([[], ["POST /follow"]]);
});

test("of a script that runs, there is what it has printed by now", async () => {
  await using stage = await stageOf((call) => {
    call.begin();
    call.print("one\n");
  });
  expect(await stage.logs()).toEqual([]);
  expect(printed(stage.heard, "stdout").toString()).toBe("one\n");
});

test("whoever follows is told as it comes, until he leaves", async () => {
  await using stage = await stageOf((call) => {
    call.begin();
    call.print("one\n");
  });
  const leave = new AbortController();
  const reading = stage.logs({ follow: true, signal: leave.signal });
  await until("the first line has come", () => stage.heard.length === 2);
  stage.calls[0]?.print("two\n", 4);
  await until("the second line has come", () => stage.heard.length === 3);
  leave.abort();
  expect(await reading).toEqual([]);
});

test("an agent that cannot say: who follows gets the result when it is recorded", async () => {
  await using stage = await stageOf((call) => call.json(NOT_FOUND[1], NOT_FOUND[0]));
  const reading = stage.logs({ follow: true });
  await until("the agent was asked", () => stage.calls.length > 0);
  stage.record.add(resultOf("web-01"));
  await stage.record.close();
  expect(await reading).toEqual([]);
  expect(printed(stage.heard, "stdout").toString()).toBe("out\n");
});

test("an agent that cannot say, or is away, leaves a gap", async () => {
  await using stage = await stageOf((call) =>
    stage.calls.length > 1 ? call.hangUp() : call.json(NOT_FOUND[1], NOT_FOUND[0]),
  );
  await left(stage.record);
  const why = "its agent does not know this run, or is older than 1.1";
  expect(await stage.logs({ follow: true })).toEqual([{ host: "web-01", why }]);
  const [gap] = await stage.logs();
  expect(gap?.why).toContain("closed the connection");
});

test("what is left here is read for an agent that is away, and not for one that answers", async () => {
  let isAway = false;
  await using stage = await stageOf((call) =>
    isAway ? call.hangUp() : call.json(NOT_FOUND[1], NOT_FOUND[0]),
  );
  await left(stage.record);
  stage.leave("half");
  const [gap] = await stage.logs();
  expect(gap?.why).toBe("its agent does not know this run, or is older than 1.1");
  expect(printed(stage.heard, "stdout").toString()).toBe("");
  isAway = true;
  const [away] = await stage.logs();
  expect(away?.why).toContain("closed the connection");
  expect(printed(stage.heard, "stdout").toString()).toBe("half");
});

test.each([
  [
    "a host that was not asked",
    { host: "db-01" },
    { code: "bad-request", hint: "Its hosts: web-01" },
  ],
  ["no run", { reqid: "00000000000000ff" }, { code: "not-found" }],
] as const)("%s is refused", async (_, order, error) => {
  await using stage = await stageOf(() => undefined);
  await expect(stage.logs(order)).rejects.toMatchObject(error);
});

test("whoever reads is told first which hosts there are; who has left is told nothing more", async () => {
  await using stage = await stageOf(() => undefined, { hosts: ["web-01", "db-01"], ports: [1, 2] });
  for (const host of ["web-01", "db-01"]) stage.record.add(resultOf(host));
  await stage.record.close();
  const told: string[] = [];
  const onHosts = (hosts: readonly string[]) => void told.push(hosts.join());
  await stage.logs({ onHosts });
  await stage.logs({ onHosts, host: "db-01", follow: true });
  stage.heard.length = 0;
  expect(await stage.logs({ onHosts, signal: AbortSignal.abort() })).toEqual([]);
  expect([told, stage.heard]).toEqual([["web-01,db-01", "db-01", "web-01,db-01"], []]);
});

test("who leaves in the middle is given no gaps, and nobody is asked how it ended", async () => {
  const leave = new AbortController();
  await using stage = await stageOf((call) => {
    leave.abort();
    call.json({ error: "no such run" }, "404 Not Found");
  });
  await left(stage.record);
  expect(await stage.logs({ signal: leave.signal })).toEqual([]);
  expect(stage.calls).toHaveLength(1);
});
