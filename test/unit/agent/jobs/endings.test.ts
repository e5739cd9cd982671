import { expect, test } from "bun:test";
import { lost, notStarted } from "../../../../src/agent/jobs/endings.ts";
import { bootId } from "../../../../src/system/process/process-table.ts";

const SHIM = { pid: 1, start: 1, boot: bootId() };

test.each([
  ["this host went down while it ran", { ...SHIM, boot: "another" }, true],
  ["this host went down while it ran", { ...SHIM, boot: "another" }, false],
  ["ctrl-exec-shim, which watched it, was killed: it may still run", SHIM, true],
  [
    "ctrl-exec-shim was killed, or the agent ended, as it was being started: it may have run",
    SHIM,
    false,
  ],
  [
    "ctrl-exec-shim was killed, or the agent ended, as it was being started: it may have run",
    undefined,
    false,
  ],
])("a run whose end nobody has seen is lost: %s", (error, shim, started) => {
  expect(lost(shim, started)).toEqual({ state: "lost", exit: -1, error });
});

test("a run whose script was not started never ran, unless it may have", () => {
  const failed = { kind: "not-started", code: "EACCES" } as const;
  expect(notStarted("/s", { ...failed, mayHaveRun: false })).toEqual({
    state: "never-ran",
    exit: 126,
    error: "cannot execute /s: it is not executable",
  });
  expect(notStarted("/s", { ...failed, mayHaveRun: true })).toMatchObject({
    state: "lost",
    exit: 126,
    error: expect.stringContaining("cannot tell whether /s ran"),
  });
});
