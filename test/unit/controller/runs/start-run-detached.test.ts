/** A run that is let go, or refused by its agent, where a stand-in answers for the agent. */
import { expect, test } from "bun:test";
import { type RunOrder, startRun } from "../../../../src/controller/runs/start-run.ts";
import { showRun } from "../../../../src/controller/runs/status.ts";
import { CALLER, LocalFleet } from "../../../support/local-fleet.ts";
import { type StreamedCall, streamingPeer } from "../../../support/streaming-peer.ts";

const OTHER = "00000000000000ff";

async function runOn(answer: (call: StreamedCall) => void, changes: Partial<RunOrder>) {
  const fleet = await LocalFleet.create();
  const agent = await fleet.addAgent("web-01");
  await agent.stop();
  const calls: StreamedCall[] = [];
  const peer = await streamingPeer(agent, (call) => {
    calls.push(call);
    answer(call);
  });
  const hosts = [`web-01:${peer.port}`];
  const order = { hosts, port: undefined, script: "deploy", args: [], ...changes };
  const { finished } = await startRun(fleet.controller, CALLER, order, () => undefined);
  const report = await finished;
  const show = () => showRun(fleet.controller, CALLER, { reqid: report.reqid, live: false });
  const dispose = async () => {
    await peer[Symbol.asyncDispose]();
    await fleet[Symbol.asyncDispose]();
  };
  return { fleet, report, calls, show, [Symbol.asyncDispose]: dispose };
}

test("it is finished when the host has taken it, and its end is asked for later", async () => {
  await using run = await runOn(
    (call) => {
      if (call.what === "POST /run") call.json({ status: "accepted" }, "202 Accepted");
      else call.json({ status: "done", exit: 3, stdout: "out\n", stderr: "", state: "ended" });
    },
    { detach: true, timeout: 60 },
  );
  expect(run.report.results).toMatchObject([{ host: "web-01", exit: -1, state: "running" }]);
  expect(run.report.results[0]?.error).toBeUndefined();
  expect(run.calls[0]?.body).toMatchObject({ detach: true, timeout: 60, lock: 1 });
  expect(run.calls[0]?.body.stream).toBeUndefined();
  // Nothing is known of its end yet.
  expect(run.fleet.log.of("run")).toEqual([]);
  expect(await run.show()).toMatchObject({
    complete: true,
    results: [{ exit: 3, stdout: "out\n", state: "ended" }],
  });
  expect(run.fleet.log.of("run")).toMatchObject([{ fields: { EXIT: 3 } }]);
});

test("an agent before 1.1 answers when the script has ended: that is the result", async () => {
  const answer = { script: "deploy", exit: 0, stdout: "out\n", stderr: "" };
  await using run = await runOn((call) => call.json(answer), { detach: true });
  expect(run.report.results).toMatchObject([{ exit: 0, stdout: "out\n", state: "ended" }]);
  expect(await run.show()).toMatchObject({ complete: true });
  expect(run.calls).toHaveLength(1);
});

test.each([true, false])(
  "an agent where the script runs already refuses it, and names that run: detached %p",
  async (detach) => {
    await using run = await runOn(
      (call) => call.json({ error: "busy", reqid: OTHER }, "409 Conflict"),
      { detach },
    );
    const error = `locked: it runs there already, as run ${OTHER}`;
    expect(run.report.results).toMatchObject([{ exit: -1, state: "never-ran", error }]);
    expect(run.calls).toHaveLength(1);
  },
);
