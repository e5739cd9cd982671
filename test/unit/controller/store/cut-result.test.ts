import { expect, test } from "bun:test";
import { cutResult } from "../../../../src/controller/store/cut-result.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { PiecedText } from "../../../../src/core/wire/pieced-text.ts";

const long = new PiecedText();
long.add("é".repeat(1000));

const result: RunResult = {
  host: "a",
  script: "s",
  exit: 0,
  stdout: long,
  stderr: "short",
  rtt: "1ms",
  reqid: "0123456789abcdef",
  state: "ended",
  stderr_dropped: 7,
};

test("an output that is longer goes whole, and the result says how much that was", () => {
  expect(cutResult(result, Number.POSITIVE_INFINITY)).toBe(result);
  expect(cutResult(result, 2000)).toEqual(result);
  expect(cutResult(result, 1999)).toEqual({ ...result, stdout: "", stdout_dropped: 2000 });
  expect(cutResult(result, 0)).toEqual({
    ...result,
    stdout: "",
    stderr: "",
    stdout_dropped: 2000,
    stderr_dropped: 12,
  });
});

test("bytes that are not UTF-8 go with their text", () => {
  const binary = { ...result, stdout: "\ufffd".repeat(6), stdout_b64: "/////////w==" };
  expect(cutResult(binary, 8)).toEqual({ ...result, stdout: "", stdout_dropped: 9 });
});

test("a host that failed still says why", () => {
  const failed = { ...result, error: "e".repeat(1000) };
  expect(cutResult(failed, 2000).error).toBe(failed.error);
  expect(cutResult(failed, 0).error).toHaveLength(200);
});
