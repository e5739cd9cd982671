/** Who sees what of a run: by the terminal, the options, and the number of hosts. */
import { describe, expect, test } from "bun:test";
import { runView } from "../../../../src/cli/render/run-view.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const REQID = "a1b2c3d4e5f60718";
const NO_OPTIONS = { json: false, "json-stream": false, live: false, "no-live": false };
const SCREEN = { outIsTerminal: true, env: { NO_COLOR: "1" } };
const OWN = { file: "/etc/ctrl-exec/ctrl-exec.conf", pairing_port: 7444 };
const SIX = ["a", "b", "c", "d", "e", "f"];

const BEGIN: RunEvent = {
  kind: "begin",
  reqid: REQID,
  script: "x",
  started: "2026-11-29T08:00:00Z",
};

function printed(text: string): RunEvent {
  return { kind: "output", stream: "stdout", offset: 0, bytes: Buffer.from(text) };
}

function result(host: string, more: Partial<RunResult> = {}): RunResult {
  const head = { host, script: "x", exit: 0, stdout: `${host} out\n`, stderr: "", rtt: "42ms" };
  return { ...head, reqid: REQID, state: "ended", ...more } as RunResult;
}

const header = (host: string, exit = 0) =>
  `==> ${host}  [${exit === 0 ? "OK" : "FAIL"}  exit:${exit}  42ms  req:${REQID}]\n`;

/** A run whose hosts each say that they have begun, print their name, and end. */
function shown(
  hosts: readonly string[],
  options: Partial<typeof NO_OPTIONS>,
  terminal: object,
  exits: Readonly<Record<string, number>> = {},
) {
  const kept = new KeptIo(terminal);
  const view = runView(kept.io, OWN, hosts, { ...NO_OPTIONS, ...options });
  for (const host of hosts) {
    view.hear?.(host, BEGIN);
    view.hear?.(host, printed(`${host} out\n`));
  }
  const results = hosts.map((host) => result(host, { exit: exits[host] ?? 0 }));
  for (const one of results.toReversed()) view.show(one);
  const early = kept.out;
  view.close({ reqid: REQID, results, recorded: true }, 4_200);
  view.end();
  return { early, out: kept.out, err: kept.err, hears: view.hear !== undefined };
}

describe("a pipe, and --no-live anywhere, get the blocks as they come and nothing else", () => {
  test.each([
    ["a pipe", {}, {}],
    ["a terminal with --no-live", { "no-live": true }, SCREEN],
  ])("%s", (_, options, terminal) => {
    expect(shown(["a", "b"], options, terminal)).toEqual({
      early: `${header("b")}b out\n${header("a")}a out\n`,
      out: `${header("b")}b out\n${header("a")}a out\n`,
      err: "",
      hears: false,
    });
  });

  test("--no-live shows no colour of a script, as ever", () => {
    const kept = new KeptIo({ outIsTerminal: true });
    runView(kept.io, OWN, ["a"], { ...NO_OPTIONS, "no-live": true }).show(
      result("a", { stdout: "\u001b[31mx\n" }),
    );
    expect(kept.out).toEndWith("]\n^[[31mx\n");
  });
});

describe("on a terminal, or with --live", () => {
  test("one host: its output, then its header", () => {
    for (const [options, terminal] of [
      [{}, SCREEN],
      [{ live: true }, {}],
    ]) {
      expect(shown(["a"], options as object, terminal as object)).toEqual({
        early: `a out\n${header("a")}`,
        out: `a out\n${header("a")}`,
        err: "",
        hears: true,
      });
    }
  });

  test("two to five: lines, headers, and a summary on stderr", () => {
    const { out, err } = shown(["a", "bb"], {}, SCREEN, { a: 3 });
    expect(out).toBe(`a  | a out\nbb | bb out\n${header("bb")}${header("a", 3)}`);
    expect(err).toBe(`2 hosts: 1 ok, 1 failed; 4.2s; req:${REQID}\n`);
    expect(shown(SIX.slice(1), {}, SCREEN).out).toStartWith("b | b out\n");
  });

  test("six: failures at once, the others at the end and in their order", () => {
    const { early, out, err } = shown(SIX, {}, SCREEN, { e: 3, b: 1 });
    expect(early).toBe(`${header("e", 3)}e out\n${header("b", 1)}b out\n`);
    const others = ["a", "c", "d", "f"].map((host) => `${header(host)}${host} out\n`);
    expect(out).toBe(early + others.join(""));
    expect(err).toBe(`6 hosts: 4 ok, 2 failed; 4.2s; req:${REQID}\n`);
  });

  test("six with --live: lines", () => {
    const { out } = shown(SIX, { live: true }, {});
    expect(out).toStartWith("a | a out\nb | b out\n");
    expect(out).toEndWith(header("a"));
  });

  test("the block after results shows colours, and the next has its own again", () => {
    const kept = new KeptIo({ outIsTerminal: true });
    const view = runView(kept.io, OWN, SIX, NO_OPTIONS);
    view.show(result("a", { exit: 1, stdout: "\u001b[32mx\n" }));
    expect(kept.out).toEndWith("]\n\u001b[32mx\n\u001b[0m");
  });

  test("a host of an older agent: its output with its result, and a word about it", () => {
    const kept = new KeptIo(SCREEN);
    const view = runView(kept.io, OWN, ["old\u001b[2J"], NO_OPTIONS);
    view.show(result("old\u001b[2J"));
    expect(kept.out).toBe(`${header("old^[[2J")}old\u001b[2J out\n`.replaceAll("\u001b", "^["));
    expect(kept.err).toBe(
      "ctrl-exec: old^[[2J shows output only when the script has ended: its agent is older than 1.1, or cannot write to its state folder\n",
    );
  });

  test("one that was not reached is no older agent", () => {
    const kept = new KeptIo(SCREEN);
    const view = runView(kept.io, OWN, ["a"], NO_OPTIONS);
    view.show(result("a", { exit: -1, stdout: "", state: "never-ran", error: "no route" }));
    expect(kept.out).toContain("    ERROR: no route\n");
    expect(kept.err).toBe("");
  });

  test("dropped output is said where it begins, once for each stream, and at the end how much it was", () => {
    const kept = new KeptIo(SCREEN);
    const view = runView(kept.io, OWN, ["a"], NO_OPTIONS);
    view.hear?.("a", BEGIN);
    for (const offset of [10, 20]) {
      view.hear?.("a", { kind: "dropped", stream: "stdout", offset, bytes: 10 });
    }
    expect(kept.err).toBe(
      "ctrl-exec: a prints more than its agent keeps: the rest of stdout is dropped\n",
    );
    view.show(result("a", { stdout_dropped: 20 }));
    expect(kept.out).toBe(`${header("a")}    CUT: 20 bytes of stdout dropped\n`);
  });

  test.each([
    [999, "999ms"],
    [1_000, "1.0s"],
    [59_940, "59.9s"],
    [59_960, "1m 0s"],
    [3_599_000, "59m 59s"],
    [7_260_000, "2h 1m"],
  ])("a run of %d ms took %s", (ms, words) => {
    const kept = new KeptIo(SCREEN);
    const results = [result("a"), result("b", { exit: -1, state: "unknown", error: "x" })];
    runView(kept.io, OWN, ["a", "b"], NO_OPTIONS).close(
      { reqid: REQID, results, recorded: true },
      ms,
    );
    expect(kept.err).toBe(`2 hosts: 1 ok, 1 unknown; ${words}; req:${REQID}\n`);
  });
});

test("--json is one line with all results, and --json-stream one for each event", () => {
  const { out, hears } = shown(["a", "b"], { json: true }, SCREEN);
  expect(hears).toBe(false);
  expect(out).toStartWith('{"ok":1,"results":[{"host":"a","script":"x"');
  expect(out.match(/\n/g)).toHaveLength(1);
  const events = shown(["a", "b"], { "json-stream": true }, SCREEN).out.trimEnd().split("\n");
  expect(events.map((line) => JSON.parse(line).event)).toEqual([
    "start",
    "stdout",
    "start",
    "stdout",
    "end",
    "end",
    "summary",
  ]);
});
