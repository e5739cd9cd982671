/** Which hosts share a block, and in which order the blocks stand. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { groupResults } from "../../../../src/cli/render/result-groups.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import type { LongText } from "../../../../src/core/wire/json-pieces.ts";

const REQID = "a1b2c3d4e5f60718";

function result(host: string, more: object = {}): RunResult {
  const head = { host, script: "x", exit: 0, stdout: "out\n", stderr: "", rtt: "42ms" };
  return { ...head, reqid: REQID, state: "ended", ...more } as RunResult;
}

function shown(results: readonly RunResult[], withOutput = true): string[] {
  return groupResults(results, withOutput).map(({ results: alike }) =>
    alike.map(({ host }) => host).join(" "),
  );
}

describe("hosts that are alike", () => {
  test("have the same outcome and output, however long they took", () => {
    const results = [
      result("web-10"),
      result("web-2", { rtt: "9ms", started: "2026-11-29T08:00:00Z" }),
      result("db", { stdout: "other\n" }),
    ];
    expect(shown(results)).toEqual(["web-2 web-10", "db"]);
  });

  test.each([
    ["exit", { exit: 1 }],
    ["state", { state: "lost", error: "x" }],
    ["signal", { signal: "SIGKILL" }],
    ["error", { error: "x" }],
    ["timed_out", { timed_out: true }],
    ["cancelled_by", { cancelled: true, cancelled_by: "alice" }],
    ["stdout_dropped", { stdout_dropped: 1 }],
    ["stdout_unrecorded", { stdout_unrecorded: 1 }],
    ["stderr_dropped", { stderr_dropped: 1 }],
    ["stdout", { stdout: "out" }],
    ["stderr", { stderr: "out\n" }],
    ["the stream", { stdout: "", stderr: "out\n" }],
    ["bytes that look the same", { stdout_b64: "/w==" }],
  ])("another %s is another block", (_, more) => {
    expect(shown([result("a"), result("b", more)])).toHaveLength(2);
  });

  test("the pieces of a long output, and base64, do not matter: the bytes do", () => {
    const inPieces = (length: number): LongText => ({
      *parts() {
        for (let at = 0; at < 4; at += length) yield "out\n".slice(at, at + length);
      },
    });
    const bytes = { stdout: "lossy", stdout_b64: Buffer.from("out\n").toString("base64") };
    const more = [{ stdout: inPieces(1) }, { stdout: inPieces(3) }, bytes];
    expect(shown([result("a"), ...more.map((one, at) => result(`b${at}`, one))])).toHaveLength(1);
  });
});

describe("what an error says of its own host alone", () => {
  const down = (host: string, error: string) =>
    result(host, { exit: -1, stdout: "", state: "never-ran", error });

  test("does not part them, and is <host> where they differ", () => {
    const results = [
      down("web-01", "no answer from web-01:7443: the host is down"),
      down("web-02", "no answer from 10.0.0.2:7443: the host is down"),
      down("[::1]:7443", "no answer from [::1]:7443: the host is down"),
    ];
    const [group, ...others] = groupResults(results, true);
    expect(others).toEqual([]);
    expect(group?.error).toBe("no answer from <host>: the host is down");
  });

  test("a name without a port too, where it is a word", () => {
    const results = ["web", "db"].map((host) => down(host, `${host} says: webhost db-2 ${host}.`));
    const [group] = groupResults(results, true);
    expect(group?.error).toBe("<host> says: webhost db-2 <host>.");
  });

  test("is shown as it is where all say the same, and of one host", () => {
    const same = "read timeout of web-01:7443 after 60s at 10:30";
    const [group] = groupResults([down("web-01", same), down("web-02", same)], true);
    expect(group?.error).toBe(same);
    const [only] = groupResults([down("web-01", same)], true);
    expect(only?.error).toBe(same);
  });

  test("other reasons are other blocks", () => {
    const results = [
      down("a", "read timeout after 60s"),
      down("b", "read timeout after 61s"),
      down("c", "at 10:30"),
      down("d", "at 10:31"),
    ];
    expect(shown(results)).toHaveLength(4);
  });

  test("T61 a hostile error costs time in proportion to its length", () => {
    const begun = performance.now();
    for (const part of ["(", "[", "a.", "a:1", "]:1", ":"]) {
      groupResults([down("a", part.repeat(100_000)), down("b", "x")], true);
    }
    expect(performance.now() - begun).toBeLessThan(1_000);
  });
});

describe("order", () => {
  test("those that went well, those that go on, those that failed; of each the largest first", () => {
    const failed = (host: string, exit: number) => result(host, { exit });
    const results = [
      failed("f1", 1),
      result("other", { stdout: "y" }),
      failed("g1", 2),
      failed("g2", 2),
      result("b"),
      result("r1", { exit: -1, state: "running", stdout: "" }),
      result("a"),
      result("another", { stdout: "z" }),
    ];
    expect(shown(results)).toEqual(["a b", "another", "other", "r1", "g1 g2", "f1"]);
    expect(shown(results.toReversed())).toEqual(shown(results));
  });

  test("without output, hosts whose headers are the same are alike", () => {
    const results = [
      result("a"),
      result("b", { stdout: "other" }),
      result("c", { exit: 1, error: "x" }),
      result("d", { exit: 1, error: "y" }),
      result("e", { exit: -1, state: "unknown", error: "x" }),
    ];
    expect(shown(results, false)).toEqual(["a b", "c d", "e"]);
  });

  test("every host is in one block, whatever came", () => {
    const one = fc.record({
      host: fc.stringMatching(/^[a-z]{1,3}[0-9]{0,2}$/),
      exit: fc.integer({ min: -1, max: 2 }),
      stdout: fc.constantFrom("", "a", "b\n"),
      error: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(one, { selector: ({ host }) => host }), (hosts) => {
        const results = hosts.map(({ host, ...more }) => result(host, more));
        const groups = groupResults(results, true);
        const all = groups.flatMap((group) => group.results.map(({ host }) => host));
        expect(all.toSorted()).toEqual(hosts.map(({ host }) => host).toSorted());
        const failed = groups.map(({ results: [{ exit, error }] }) => exit !== 0 || !!error);
        expect(failed).toEqual(failed.toSorted());
      }),
    );
  });
});
