import { expect, test } from "bun:test";
import { bareResult } from "../../../../src/controller/store/bare-result.ts";
import type { RecordedResult } from "../../../../src/controller/store/recorded-result.ts";

const result: RecordedResult = {
  host: "a",
  script: "s",
  exit: 0,
  stdout: "é".repeat(1000),
  stderr: "short",
  rtt: "1ms",
  reqid: "0123456789abcdef",
  state: "ended",
  stderr_dropped: 7,
};

test("outputs go, and the result says how much that was", () => {
  const dropped = { stdout_dropped: 2000, stderr_dropped: 12 };
  const unrecorded = { stdout_unrecorded: 2000, stderr_unrecorded: 5 };
  expect(bareResult(result)).toEqual({
    ...result,
    stdout: "",
    stderr: "",
    ...dropped,
    ...unrecorded,
  });
});

test("bytes that are not UTF-8 go with their text", () => {
  const binary = { ...result, stdout: "\ufffd".repeat(7), stdout_b64: "/////////w==" };
  const bare = { stdout: "", stderr: "", stdout_dropped: 7, stdout_unrecorded: 7 };
  expect(bareResult(binary)).toMatchObject({ ...bare, stderr_dropped: 12 });
  expect(bareResult(binary)).not.toHaveProperty("stdout_b64");
});

test("what is in a file stays there", () => {
  const file = "0123456789abcdef.d/0.stdout";
  const binary = { ...result, stdout_b64: "/w==", stdout_file: file };
  expect(bareResult(binary)).toMatchObject({ stdout_b64: "", stdout_file: file });
  expect(bareResult(binary)).not.toHaveProperty("stdout_unrecorded");
});

test("a host that failed still says why", () => {
  expect(bareResult({ ...result, error: "e".repeat(1000) }).error).toHaveLength(200);
});
