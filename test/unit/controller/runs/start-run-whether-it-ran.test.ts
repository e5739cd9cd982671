/** Whether a script may have run, where there is no answer: what is said of it is what happened. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { startRun } from "../../../../src/controller/runs/start-run.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { until } from "../../../support/folder.ts";
import { CALLER, type LocalAgent, LocalFleet } from "../../../support/local-fleet.ts";
import { http10, onRequest, Peer } from "../../../support/peers.ts";

let fleet: LocalFleet;
let agent: LocalAgent;

beforeAll(async () => {
  fleet = await LocalFleet.create();
  agent = await fleet.addAgent("web-01");
});

afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

/** Passes nothing on to the agent, or back, until it is told to. */
async function heldConnection() {
  const callers: Socket[] = [];
  const peer = await Peer.tcp((socket) => {
    socket.pause();
    callers.push(socket);
  });
  const letGo = async () => {
    const [caller] = callers;
    if (caller === undefined) throw new Error("nobody has called");
    const ended = Promise.withResolvers<void>();
    const onward = connect({ host: "127.0.0.1", port: agent.config.port });
    onward.once("close", () => ended.resolve());
    // Read to its end: the agent has a last word.
    caller.once("close", () => onward.unpipe().resume().end());
    caller.pipe(onward).pipe(caller);
    await ended.promise;
  };
  return { peer, callers, letGo };
}

test("a host that was still to be asked is not asked afterwards, as its result says", async () => {
  const { peer, callers, letGo } = await heldConnection();
  await using _ = peer;
  const shown: RunResult[] = [];
  const hosts = [`127.0.0.1:${peer.port}`];
  const order = { hosts, port: undefined, script: "count", args: [] };
  const started = await startRun(fleet.controller, CALLER, order, (result) => shown.push(result));
  await until("it is dialled", () => callers.length > 0);
  await started.abandon("the test stopped");
  const { results } = await started.finished;
  expect(results).toMatchObject([
    { exit: -1, state: "never-ran", error: "the test stopped before this host was asked" },
  ]);
  const told = () => fleet.log.of("run").filter(({ fields }) => fields.REQID === started.reqid);
  expect(told()).toMatchObject([{ level: "err", fields: { ERROR: results[0]?.error } }]);
  // The handshake goes on, succeeds, and nothing follows it.
  await letGo();
  expect(existsSync(agent.path("runs"))).toBe(false);
  expect(agent.log.of("run")).toEqual([]);
  // No second result of a host, on the screen or in the log.
  expect(shown).toEqual([]);
  expect(told()).toHaveLength(1);
});

test("a host that refused one of our certificates and was gone before the next never ran it", async () => {
  await using rotated = await LocalFleet.create();
  const away = await rotated.addAgent("web-01");
  await away.stop();
  await rotateNow(rotated.controller);
  const [cert, key] = ["agent.crt", "agent.key"].map((name) =>
    readFileSync(away.path(name), "utf8"),
  );
  let asked = 0;
  const talk = (socket: Socket, peer: Peer) => {
    onRequest(socket, () => {
      asked += 1;
      socket.end(http10({ error: "serial mismatch" }, "403 Forbidden"), () => {
        void peer[Symbol.asyncDispose]();
      });
    });
  };
  await using peer = await Peer.tls({ cert: cert ?? "", key: key ?? "" }, talk);
  const order = { hosts: [`web-01:${peer.port}`], port: undefined, script: "count", args: [] };
  const started = await startRun(rotated.controller, CALLER, order, () => undefined);
  const { results } = await started.finished;
  expect(asked).toBe(1);
  expect(results).toMatchObject([
    { state: "never-ran", error: expect.stringContaining("connection refused") },
  ]);
});

test("of an answer that is dropped nobody says more than its length tells", async () => {
  const output = (length: number) => {
    return http10({ exit: 0, stdout: "x".repeat(length), stderr: "" });
  };
  const refusal = { exit: -1, error: "cannot execute", path: "\u0001".repeat(4096) };
  for (const [bound, answer, state] of [
    ["max_reply = 1K", output(20_000), "unknown"],
    ["max_reply = 16K", http10(refusal), "unknown"],
    ["max_reply = 64K", output(80_000), "ended"],
    ["max_reply = 64K", http10({ error: "x".repeat(80_000) }, "403 Forbidden"), "unknown"],
    // Of each answer 16 KiB are not counted.
    ["max_replies = 1K", output(20_000), "unknown"],
    ["max_replies = 1K", http10(refusal), "unknown"],
    ["max_replies = 24K", output(80_000), "ended"],
  ] as const) {
    await using bounded = await LocalFleet.create([bound]);
    const away = await bounded.addAgent("web-01");
    await away.stop();
    const [cert, key] = ["agent.crt", "agent.key"].map((name) =>
      readFileSync(away.path(name), "utf8"),
    );
    const talk = (socket: Socket) => onRequest(socket, () => socket.end(answer));
    await using peer = await Peer.tls({ cert: cert ?? "", key: key ?? "" }, talk);
    const order = { hosts: [`web-01:${peer.port}`], port: undefined, script: "count", args: [] };
    const started = await startRun(bounded.controller, CALLER, order, () => undefined);
    const [result] = (await started.finished).results;
    expect([bound, result?.exit, result?.state]).toEqual([bound, -1, state]);
    expect(result?.error?.includes("The script has run.")).toBe(state === "ended");
  }
});
