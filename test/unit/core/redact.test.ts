import { expect, test } from "bun:test";
import { resultWithoutToken, withoutToken } from "../../../src/core/redact.ts";
import type { RunResult } from "../../../src/core/run-result.ts";

const result: RunResult = {
  host: "h",
  script: "s",
  exit: 0,
  rtt: "1ms",
  reqid: "r",
  stdout: "",
  stderr: "",
  state: "ended",
};

test("T27 a token is taken out of everything a result holds, however it is spelt", () => {
  const token = 'a"b\\c-é!';
  const bytes = Buffer.concat([Buffer.from(`x${token}y`), Buffer.from([0xff])]);
  const kept = resultWithoutToken(
    {
      ...result,
      stdout: `1${token}2`,
      stderr: JSON.stringify({ token }),
      error: token,
      stdout_b64: bytes.toString("base64"),
    },
    token,
  );
  expect(kept).toEqual({
    ...result,
    stdout: "1[token]**2",
    stderr: '{"token":"[token]****"}',
    error: "[token]**",
    stdout_b64: Buffer.concat([Buffer.from("x[token]**y"), Buffer.from([0xff])]).toString("base64"),
  });
});

test("without a token nothing is changed", () => {
  expect(withoutToken("abc", "")).toBe("abc");
  expect(resultWithoutToken(result, "")).toBe(result);
});

test("T27 the beginning of a token is taken out where the output was cut in it", () => {
  const token = "SECRETTOKEN";
  const cut = { ...result, stdout: "1SECRETT", stderr: "1SECRETT", stdout_dropped: 3 };
  expect(resultWithoutToken(cut, token)).toEqual({ ...cut, stdout: "1[token]" });
});

test("T27 and where it may have been: in a script that has not ended, and in bytes that are not UTF-8", () => {
  const token = "SECRETTOKEN";
  const printed = { stdout: "1SECRETT", stderr: "1SECRETT" };
  const running = { ...result, ...printed, state: "running" } as const;
  const clean = { ...running, stdout: "1[token]", stderr: "1[token]" };
  expect(resultWithoutToken(running, token)).toEqual(clean);
  const b64 = (text: string) => Buffer.from(`\xff${text}`, "latin1").toString("base64");
  const raw = { ...result, stdout_b64: b64("1SECRETT"), stderr_b64: b64("1SECRETT") };
  expect(resultWithoutToken({ ...raw, stderr_dropped: 1 }, token)).toEqual({
    ...raw,
    stderr_b64: b64("1[token]"),
    stderr_dropped: 1,
  });
  expect(resultWithoutToken({ ...result, ...printed }, token)).toEqual({ ...result, ...printed });
  expect(withoutToken("1SECRETT", token, true)).toBe("1[token]");
  expect(withoutToken("1SECRETT", token)).toBe("1SECRETT");
});
