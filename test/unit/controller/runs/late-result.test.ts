/** A run that has printed more than an answer may hold, and is asked about when its process has ended. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { isInUse } from "../../../../src/controller/store/output-folder-lock.ts";
import { outputBytes } from "../../../../src/core/output-bytes.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

const REQID = "0123456789abcdef";
const PIECE = "x".repeat(60_000);
const PIECES = 50;
const PRINTED = PIECE.length * PIECES;

/** A run on web-01 that was let go, where `answer` stands in for the agent. */
async function letGo(answer: (call: StreamedCall) => void, lines: readonly string[] = []) {
  const fleet = await LocalFleet.create(lines);
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const calls: string[] = [];
  const peer = await streamingPeer(agent, (call) => {
    calls.push(call.what);
    answer(call);
  });
  const { runs } = fleet.controller.store;
  const facts = { reqid: REQID, script: "deploy", submitter: "tester", token: "" };
  const record = await runs.begin({ ...facts, hosts: ["web-01"], ports: [peer.port] }, true);
  await record.close();
  const folder = fleet.folder.join("control", "state", "runs");
  const show = () => showRun(fleet.controller, CALLER, { reqid: REQID, live: false });
  const dispose = async () => {
    await peer[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  };
  return { fleet, calls, folder, show, [Symbol.asyncDispose]: dispose };
}

function ended(call: StreamedCall): void {
  if (call.what.startsWith("GET")) {
    call.json({
      status: "done",
      exit: 3,
      stdout: PIECE.repeat(PIECES),
      stderr: "",
      state: "ended",
    });
    return;
  }
  call.begin();
  let offset = 0;
  for (let piece = 0; piece < PIECES; piece++) offset = call.print(PIECE, offset);
  call.print("err\n", 0, "stderr");
  call.end({ exit: 3, stdout_bytes: offset, stderr_bytes: 4 });
}

test("T72 its output comes as a stream into the record, whatever memory there is", async () => {
  await using run = await letGo(ended, ["max_reply = 100K", "max_replies = 1M"]);
  for (let time = 0; time < 2; time++) {
    const { results, complete } = await run.show();
    expect(complete).toBe(true);
    expect(results).toMatchObject([{ exit: 3, state: "ended", stderr: "err\n", rtt: "1000ms" }]);
    expect(results[0]).not.toHaveProperty("error");
    expect(results[0]).not.toHaveProperty("stdout_dropped");
    expect(Buffer.concat([...outputBytes(results[0]!, "stdout")])).toHaveLength(PRINTED);
  }
  expect(run.calls).toEqual([`GET /result/${REQID}`, "POST /follow"]);
  expect(readdirSync(`${run.folder}/${REQID}.d`)).toEqual(["0.stdout"]);
  // Whoever purges may remove it.
  expect(isInUse(`${run.folder}/${REQID}.d`)).toBe(false);
  expect(run.fleet.log.of("run")).toMatchObject([{ fields: { EXIT: 3 } }]);
});

test("two that ask at once do not spoil each other's", async () => {
  await using run = await letGo(ended);
  for (const { results } of await Promise.all([run.show(), run.show(), run.show()])) {
    expect(Buffer.concat([...outputBytes(results[0]!, "stdout")])).toHaveLength(PRINTED);
  }
  expect(readdirSync(`${run.folder}/${REQID}.d`)).toEqual(["0.stdout"]);
  expect(readFileSync(`${run.folder}/${REQID}.d/0.stdout`)).toHaveLength(PRINTED);
});

test("T72 what has no room is dropped, and its end is known all the same", async () => {
  await using run = await letGo(ended, ["run_records_max = 1M"]);
  const [result] = (await run.show()).results;
  expect(result).toMatchObject({ exit: 3, state: "ended" });
  const kept = Buffer.concat([...outputBytes(result!, "stdout")]).length;
  expect(kept).toBeGreaterThan(100_000);
  expect(kept + (result?.stdout_dropped ?? 0)).toBe(PRINTED);
  expect(result?.stdout_unrecorded).toBe(result?.stdout_dropped);
});

test("an agent that is gone in the middle is asked again the next time", async () => {
  let isGone = true;
  await using run = await letGo(
    (call) => {
      if (call.what.startsWith("GET") || !isGone) ended(call);
      else call.hangUp();
    },
    ["read_timeout = 1"],
  );
  const first = await run.show();
  expect(first.results.filter(({ state }) => state === "ended")).toEqual([]);
  isGone = false;
  const [result] = (await run.show()).results;
  expect(Buffer.concat([...outputBytes(result!, "stdout")])).toHaveLength(PRINTED);
});

test("what could not be recorded is told without its output, of which nothing is left", async () => {
  await using run = await letGo((call) => {
    // Whoever clears the old records away has come first.
    if (call.what.startsWith("POST")) rmSync(`${run.folder}/${REQID}.json`);
    ended(call);
  });
  const { results, complete } = await run.show();
  expect(complete).toBe(true);
  expect(results).toMatchObject([
    { exit: 3, state: "ended", stdout: "", stdout_dropped: PRINTED, stderr_dropped: 4 },
  ]);
  const folder = `${run.folder}/${REQID}.d`;
  expect(existsSync(folder) ? readdirSync(folder) : []).toEqual([]);
  expect(run.fleet.log.of("run")).toEqual([]);
});
