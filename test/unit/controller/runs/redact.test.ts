import { expect, test } from "bun:test";
import { resultWithoutToken, withoutToken } from "../../../../src/controller/runs/redact.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { wholeText } from "../../../../src/core/wire/json-pieces.ts";
import { PiecedText } from "../../../../src/core/wire/pieced-text.ts";

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
  const token = 'a"b\\c';
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
    stdout: "1[token]2",
    stderr: '{"token":"[token]"}',
    error: "[token]",
    stdout_b64: Buffer.concat([Buffer.from("x[token]y"), Buffer.from([0xff])]).toString("base64"),
  });
});

test("without a token nothing is changed", () => {
  expect(withoutToken("abc", "")).toBe("abc");
  expect(resultWithoutToken(result, "")).toBe(result);
});

function inPieces(text: string, length: number): PiecedText {
  const pieced = new PiecedText();
  for (let at = 0; at < text.length; at += length) pieced.add(text.slice(at, at + length));
  return pieced;
}

test("T27 a token is found in a long output wherever it is cut, and nothing else changes", () => {
  const token = 'a"b\\c';
  const asJson = JSON.stringify(token).slice(1, -1);
  const text = `${token}aa"a"b${token}${token}\na"b\\ ${asJson}x${asJson}a"b`;
  const clean = `[token]aa"a"b[token][token]\na"b\\ [token]x[token]a"b`;
  const bytes = Buffer.concat([Buffer.from([0xff]), Buffer.from(`${text}é`)]);
  const cleanBytes = Buffer.concat([Buffer.from([0xff]), Buffer.from(`${clean}é`)]);
  for (let length = 1; length < 20; length++) {
    const long = {
      ...result,
      stdout: inPieces(text, length),
      stdout_b64: inPieces(bytes.toString("base64"), length),
    };
    const kept = resultWithoutToken(long, token);
    // Twice: a record is written more than once.
    for (let time = 0; time < 2; time++) {
      expect(wholeText(kept.stdout)).toBe(clean);
      expect(wholeText(kept.stdout_b64 ?? "")).toBe(cleanBytes.toString("base64"));
    }
  }
});
