import { describe, expect, test } from "bun:test";
import {
  RUN_STATES,
  type RunEnd,
  readAgentEnd,
  readLastEnd,
  readRunEnd,
  stateOfRefusal,
} from "../../../src/core/run-state.ts";

describe("a state that is told", () => {
  test.each(["ended", "never-ran", "unknown"] as const)("%s is taken", (state) => {
    expect(readRunEnd({ exit: -1, state, error: "x" }, "unknown")).toEqual({ state, error: "x" });
  });

  test("counts whatever the exit says", () => {
    const told = { exit: 126, state: "never-ran", error: "cannot execute /x" };
    expect(readRunEnd(told, "unknown").state).toBe("never-ran");
    expect(readRunEnd({ exit: 0, state: "ended" }, "unknown")).toEqual({ state: "ended" });
  });

  test("is not guessed at when a later version has it", () => {
    for (const state of ["later", "", "Ended", "constructor"]) {
      expect(readRunEnd({ exit: 0, state }, "never-ran").state).toBe("unknown");
    }
  });

  test("anything but ended says why, so that it is never taken for a success", () => {
    for (const state of RUN_STATES.filter((word) => word !== "ended")) {
      expect(readRunEnd({ exit: 0, state }, "unknown").error).toBeString();
    }
  });
});

describe("what does not go together", () => {
  test.each([
    ["an end without an exit status", { exit: -1, state: "ended" }, /gives no exit status/],
    ["a signal and 0", { exit: 0, state: "ended", signal: "SIGKILL" }, /a signal ended .* with 0/],
    ["a timeout and 0", { exit: 0, state: "ended", timed_out: true }, /took too long.* with 0/],
    ["the same of 1.0", { exit: 0, signal: "SIGTERM" }, /a signal ended .* with 0/],
    ["an error without words", { exit: 0, state: "ended", error: "" }, /does not say which/],
    ["another", { exit: -1, state: "never-ran", error: "" }, /does not say why/],
  ] as const)("%s is an error", (_, told, words) => {
    expect(readRunEnd(told, "unknown").error).toMatch(words);
  });

  test("an error that is told has the word", () => {
    const told = { exit: 0, state: "ended", timed_out: true, error: "x" };
    expect(readRunEnd(told, "unknown")).toEqual({ state: "ended", error: "x" });
  });

  test("what fits is none", () => {
    for (const told of [
      { exit: 126, signal: "SIGKILL" },
      { exit: 126, timed_out: true },
      { exit: 1 },
    ]) {
      expect(readRunEnd({ ...told, state: "ended" }, "unknown")).toEqual({ state: "ended" });
    }
  });
});

describe("0.8 and 1.0 tell none", () => {
  test.each([
    ["an exit of its own", { exit: 0 }, "ended"],
    ["another", { exit: 127, error: undefined }, "ended"],
    ["a signal", { exit: 126, signal: "SIGKILL" }, "ended"],
    ["the agent's timeout", { exit: 126, timed_out: true, error: "script timed out" }, "ended"],
    [
      "could not be started",
      { exit: 126, error: "cannot execute /x: no such file, or its interpreter is missing" },
      "never-ran",
    ],
    ...[
      "it is not executable",
      "it has no #! line and is no program",
      "it is being written (ETXTBSY); try again when that is done",
      "the arguments are longer than this system allows",
    ].map(
      (word) =>
        [
          `in a word of 1.0: ${word}`,
          { exit: 126, error: `cannot execute /x: ${word}` },
          "never-ran",
        ] as const,
    ),
    ["the same by its code", { exit: 126, error: "cannot execute /x: ELOOP" }, "never-ran"],
    [
      "no process was left",
      {
        exit: 126,
        error: "cannot execute /x: the limit of processes is reached on the agent; wait",
      },
      "never-ran",
    ],
    [
      "T65 1.0's word of a script that it may have started",
      { exit: 126, error: "cannot execute /x: no memory is left on the agent; wait" },
      "unknown",
    ],
    ["the same of another fault", { exit: 126, error: "cannot execute /x: EIO" }, "unknown"],
    ["126 of 0.8, which may be any of these", { exit: 126 }, "unknown"],
  ] as const)("%s", (_, told, state) => {
    for (const noExit of ["never-ran", "unknown"] as const) {
      expect(readRunEnd(told, noExit).state).toBe(state);
    }
  });

  test("-1 is what never ran to an agent, and to a record any answer that did not come", () => {
    const told = { exit: -1, error: "script not permitted" };
    expect(readRunEnd(told, "never-ran").state).toBe("never-ran");
    expect(readRunEnd(told, "unknown").state).toBe("unknown");
  });
});

test.each([
  ["queued", "the agent says that the script has not ended"],
  ["running", "the agent says that the script has not ended"],
  ["never-ran", "the agent does not say why it did not run the script"],
  ["unknown", "the agent does not say whether the script ran"],
  ["lost", "the agent does not say why the script's end is not known"],
])("%s without a reason: %s", (state, error) => {
  expect(readRunEnd({ exit: 0, state }, "unknown")).toEqual({ state, error } as RunEnd);
  expect(readRunEnd({ exit: 0, state, error: "" }, "unknown").error).toBeTruthy();
});

test("a result of an agent whose script has not ended is not a result", () => {
  for (const state of ["queued", "running"]) {
    expect(readLastEnd({ exit: 0, state }, "never-ran")).toEqual({
      state: "unknown",
      error: "the agent says that the script has not ended",
    });
  }
  expect(readLastEnd({ exit: -1, state: "lost", error: "x" }, "never-ran").state).toBe("lost");
});

test("an agent cannot say that a rollout has not asked its host", () => {
  expect(readAgentEnd({ exit: -1, state: "not-started", error: "x" })).toEqual({
    state: "unknown",
    error: "x",
  });
  expect(readAgentEnd({ exit: 0, state: "running" }).state).toBe("unknown");
  expect(readAgentEnd({ exit: 126, error: "cannot execute /x: ETXTBSY" })).toEqual({
    state: "never-ran",
    error: "cannot execute /x: it is being written (ETXTBSY); try again when that is done",
  });
  expect(readAgentEnd({ exit: -1, error: "x" })).toEqual({ state: "never-ran", error: "x" });
});

test("an agent refuses before it runs anything; a fault may come afterwards", () => {
  for (const status of [400, 403, 404, 409, 413, 429, 431, 503]) {
    expect([status, stateOfRefusal(status)]).toEqual([status, "never-ran"]);
  }
  for (const status of [200, 202, 302, 500, 502, 504]) {
    expect([status, stateOfRefusal(status)]).toEqual([status, "unknown"]);
  }
});
