/** What an answer, a refusal or silence comes to on one host, and what is said of hosts that are given up. */
import { describe, expect, test } from "bun:test";
import type { AgentReply } from "../../../../src/controller/fleet/agent-request.ts";
import { targetOf } from "../../../../src/controller/fleet/targets.ts";
import {
  givenUpResult,
  hostResult,
  notPermittedResult,
} from "../../../../src/controller/runs/host-result.ts";
import { RunProgress } from "../../../../src/controller/runs/run-progress.ts";

const RUN = { script: "deploy", reqid: "0123456789abcdef" };
const target = targetOf("web-01", undefined);
const outcomeOf = (reply: AgentReply | undefined, error?: string) => ({
  ...{ target, reply, error, dropped: false, peer: undefined, rtt: 12 },
  ...{ acceptedSerial: undefined, refusedSerial: false, clockOffset: undefined },
});
const EMPTY = { host: "web-01", ...RUN, exit: -1, stdout: "", stderr: "" };
const answered = (status: number, json: unknown) =>
  hostResult(RUN, outcomeOf({ status, json }), new RunProgress());

describe("an answer", () => {
  test("with a result is that result", () => {
    const told = { exit: 3, stdout: "out", stderr: "err", signal: "SIGTERM", state: "ended" };
    expect(answered(200, told)).toEqual({
      ...{ host: "web-01", ...RUN, exit: 3, stdout: "out", stderr: "err", rtt: "12ms" },
      ...{ state: "ended", signal: "SIGTERM" },
    });
    // The names that this host gave count, whatever the agent says.
    const lies = { ...told, host: "db-01", script: "other", reqid: "f".repeat(16) };
    expect(answered(200, lies)).toMatchObject({ host: "web-01", ...RUN });
    expect(answered(200, { exit: -1, stdout: "", stderr: "" })).toMatchObject({
      state: "never-ran",
      error: expect.any(String),
    });
    expect(answered(200, { ...told, state: "running" })).toMatchObject({ state: "unknown" });
  });

  test.each([
    [404, { error: "not found" }, "never-ran", "not found"],
    [503, {}, "never-ran", "web-01 answered with status 503 and no result"],
    [500, {}, "unknown", "web-01 answered with status 500 and no result"],
    [200, {}, "unknown", "web-01 answered with status 200 and no result"],
    [
      409,
      { error: "busy", reqid: RUN.reqid },
      "never-ran",
      `locked: it runs there already, as run ${RUN.reqid}`,
    ],
    [409, { error: "busy" }, "never-ran", "busy"],
    // Only that status says that the script runs there.
    [500, { error: "busy", reqid: RUN.reqid }, "unknown", "busy"],
  ] as const)("with status %d and %j is none: %s", (status, json, state, error) => {
    expect(answered(status, json)).toEqual({ ...EMPTY, rtt: "12ms", state, error });
  });
});

test("where no answer came, it is known how far the request had come", () => {
  const progress = new RunProgress();
  const state = () => hostResult(RUN, outcomeOf(undefined, "no way"), progress);
  expect(state()).toEqual({ ...EMPTY, rtt: "12ms", state: "never-ran", error: "no way" });
  expect(progress.mayBeSent(target)).toBe(true);
  expect(state()).toMatchObject({ state: "unknown", error: "no way" });
  progress.turnedAway(target);
  expect(state()).toMatchObject({ state: "never-ran" });
  progress.mayBeSent(target);
  progress.begun(target);
  expect(state()).toMatchObject({ state: "running" });
  progress.ended(target);
  expect(state()).toMatchObject({ state: "ended", error: "no way" });
  expect(progress.stateOf(targetOf("web-01", undefined))).toBe("never-ran");
});

test("a run that was stopped sends nothing more, and leaves what was sent as it is", () => {
  const progress = new RunProgress();
  const other = targetOf("web-02", undefined);
  progress.mayBeSent(target);
  progress.stop();
  expect(progress.mayBeSent(other)).toBe(false);
  expect([progress.stateOf(target), progress.stateOf(other)]).toEqual(["unknown", "never-ran"]);
});

test("of a host that is given up it is said what may have become of the script", () => {
  const progress = new RunProgress();
  const given = () => givenUpResult(RUN, target, progress, "ctrl-exec was stopped");
  const told = (state: string, when: string) => ({
    ...{ ...EMPTY, rtt: "", state, error: `ctrl-exec was stopped ${when}` },
  });
  expect(given()).toEqual(told("never-ran", "before this host was asked") as never);
  progress.mayBeSent(target);
  const unsure = "before this host answered; the script may have run";
  expect(given()).toEqual(told("unknown", unsure) as never);
  progress.begun(target);
  expect(given()).toEqual(told("running", "before the script had ended there") as never);
});

test("a name that no allowlist can hold is answered as every agent would", () => {
  const refused = { ...EMPTY, rtt: "0ms", state: "never-ran", error: "script not permitted" };
  expect(notPermittedResult(RUN, target)).toEqual(refused as never);
});
