/** Differences of outputs, whatever hosts print: bounded in size, in time, and all together. */
import { describe, expect, test } from "bun:test";
import { OutputDiffs } from "../../../../src/cli/render/output-diff.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";

function result(stdout: RunResult["stdout"], more: object = {}): RunResult {
  return { stdout, stderr: "", ...more } as RunResult;
}

async function difference(a: RunResult["stdout"], b: RunResult["stdout"]) {
  return await new OutputDiffs(result(a)).against(result(b), "stdout");
}

const numbered = (count: number, word = "line") =>
  Array.from({ length: count }, (_, index) => `${word} ${index}\n`).join("");

describe("of two texts", () => {
  test("unified, with three lines around", async () => {
    expect(await difference(numbered(9), numbered(9).replace("line 4\n", ""))).toEqual({
      kind: "lines",
      text: `@@ -2,7 +2,6 @@\n${[1, 2, 3].map((at) => ` line ${at}\n`).join("")}-line 4\n${[5, 6, 7].map((at) => ` line ${at}\n`).join("")}`,
    });
  });

  test("the same, none, and one that is empty", async () => {
    expect(await difference("a\n", "a\n")).toEqual({ kind: "same" });
    expect(await difference("", "")).toEqual({ kind: "nothing" });
    expect(await difference("a\n", "")).toEqual({ kind: "empty" });
    expect(await difference("", "a\n")).toEqual({ kind: "none", why: "the first is empty" });
  });
});

describe("T69 bounds", () => {
  const endless = (bytes: number, line = "x".repeat(63)): RunResult["stdout"] => ({
    *parts() {
      const part = `${line}\n`.repeat(1_024);
      for (let at = 0; at < bytes; at += part.length) yield part;
    },
  });

  test("of a longer text no more is read than that it is longer", async () => {
    let read = 0;
    const part = "x".repeat(65_536);
    const long: RunResult["stdout"] = {
      *parts() {
        for (; read < 10 * 2 ** 20; read += part.length) yield part;
      },
    };
    expect(await difference("a\n", long)).toEqual({ kind: "none", why: "over 1 MiB" });
    expect(read).toBeLessThan(2 * 2 ** 20);
    expect(await difference(endless(10 * 2 ** 20), "a\n")).toEqual({
      kind: "none",
      why: "the first is over 1 MiB",
    });
  });

  test("two of 10 MB cost next to nothing", async () => {
    const begun = performance.now();
    const [one, other] = [endless(10_000_000), endless(10_000_000, "y".repeat(63))];
    expect(await difference(one, other)).toMatchObject({ kind: "none" });
    expect(performance.now() - begun).toBeLessThan(500);
  });

  test("texts that have nothing in common are too different, in bounded time", async () => {
    const begun = performance.now();
    const [one, other] = [numbered(501, "one"), numbered(501, "other")];
    expect(await difference(one, other)).toEqual({ kind: "none", why: "too different" });
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test("all together have a time too", async () => {
    let now = 0;
    // Each difference takes three seconds by this clock.
    const diffs = new OutputDiffs(result("a\n"), () => (now += 3_000));
    for (const kind of ["lines", "lines"] as const) {
      expect(await diffs.against(result("b\n"), "stdout")).toMatchObject({ kind });
    }
    expect(await diffs.against(result("c\n"), "stdout")).toEqual({
      kind: "none",
      why: "out of time",
    });
    expect(await diffs.against(result("c\n"), "stderr")).toEqual({ kind: "nothing" });
  });
});
