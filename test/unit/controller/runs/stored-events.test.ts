/** A recorded result as the events of which it is made. */
import { expect, test } from "bun:test";
import { storedEvents } from "../../../../src/controller/runs/stored-events.ts";
import type { StreamOffsets } from "../../../../src/core/run-event.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";

const RESULT: RunResult = {
  ...{ host: "web-01", script: "deploy", exit: 3, stdout: "", stderr: "", rtt: "1ms" },
  ...{ reqid: "0123456789abcdef", state: "ended", started: "2026-01-15T12:00:00Z" },
};
const PIECE = 65_536;

/** In short: outputs as `stdout 0 abc`. */
function told(changes: Partial<RunResult>, from?: StreamOffsets): string[] {
  return [...storedEvents({ ...RESULT, ...changes } as RunResult, from)].map((event) => {
    if (event.kind === "output") return `${event.stream} ${event.offset} ${event.bytes}`;
    if (event.kind === "dropped") return `${event.stream} ${event.offset} dropped ${event.bytes}`;
    if (event.kind !== "end") return event.kind;
    return `end ${event.end.stdout_bytes} ${event.end.stderr_bytes}`;
  });
}

test("both streams are told one after the other, and what was dropped behind each", () => {
  const both = { stdout: "out", stderr: "error" };
  expect(told(both)).toEqual(["begin", "stdout 0 out", "stderr 0 error", "end 3 5"]);
  expect(told({ ...both, stdout_dropped: 2, stderr_dropped: 7 })).toEqual([
    ...["begin", "stdout 0 out", "stdout 3 dropped 2", "stderr 0 error", "stderr 5 dropped 7"],
    "end 5 12",
  ]);
  expect(told({})).toEqual(["begin", "end 0 0"]);
});

test("from a byte on only what follows it is told, and from after the end nothing", () => {
  const both = { stdout: "out", stderr: "error", stdout_dropped: 2 };
  expect(told(both, { stdout: 1, stderr: 4 })).toEqual([
    ...["begin", "stdout 1 ut", "stdout 3 dropped 2", "stderr 4 r", "end 5 5"],
  ]);
  expect(told(both, { stdout: 9, stderr: 5 })).toEqual(["begin", "stdout 3 dropped 2", "end 5 5"]);
});

test("a long output comes in pieces that follow each other", () => {
  const stdout = `${"a".repeat(PIECE)}${"b".repeat(PIECE)}c`;
  const outputs = [...storedEvents({ ...RESULT, stdout })].flatMap((event) =>
    event.kind === "output" ? [event] : [],
  );
  expect(outputs.map(({ offset, bytes }) => [offset, bytes.length])).toEqual([
    [0, PIECE],
    [PIECE, PIECE],
    [2 * PIECE, 1],
  ]);
  expect(Buffer.concat(outputs.map(({ bytes }) => bytes)).toString()).toBe(stdout);
});

test("a script that never ran has no beginning, and an end that is not known is none", () => {
  const error = "why";
  expect(told({ state: "never-ran", error })).toEqual(["end 0 0"]);
  expect(told({ state: "lost", error })).toEqual(["begin", "end 0 0"]);
  for (const state of ["running", "queued"] as const) expect(told({ state })).toEqual(["begin"]);
  expect(told({ state: "unknown", error })).toEqual(["begin"]);
});

test("the beginning and the end have all that the record says of them", () => {
  const ending = {
    ...{ signal: "SIGTERM", timed_out: true, cancelled: true, cancelled_by: "bob", error: "why" },
    ended: "2026-01-15T12:00:01Z",
  };
  const { started = "" } = RESULT;
  const bytes = { stdout_bytes: 0, stderr_bytes: 0 };
  const [begin, end] = storedEvents({ ...RESULT, ...ending } as RunResult);
  const { reqid, script } = RESULT;
  expect(begin).toEqual({ kind: "begin", reqid, script, started });
  expect(end).toEqual({
    kind: "end",
    end: { state: "ended", exit: 3, started, ...ending, ...bytes },
  });
  const { started: _, ...bare } = RESULT;
  const [first, last] = storedEvents(bare as RunResult);
  expect(first).toMatchObject({ started: "" });
  const times = { started: "", ended: "" };
  expect(last).toEqual({ kind: "end", end: { state: "ended", exit: 3, ...times, ...bytes } });
});
