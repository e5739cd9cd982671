/** Who sees what of a run: by the terminal, the options, and the number of hosts. */
import { describe, expect, spyOn, test } from "bun:test";
import { runView } from "../../../../src/cli/render/run-view.ts";
import type { ShownAs } from "../../../../src/cli/render/shown-results.ts";
import type { RunEvent } from "../../../../src/core/run-event.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const REQID = "a1b2c3d4e5f60718";
const NO_OPTIONS = { json: false, "json-stream": false, live: false, "no-live": false };
const AS: ShownAs = { fold: undefined, diff: false, quiet: false, onlyFailed: false };
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
async function shown(
  hosts: readonly string[],
  options: Partial<typeof NO_OPTIONS>,
  terminal: object,
  exits: Readonly<Record<string, number>> = {},
  as: Partial<ShownAs> = {},
) {
  const kept = new KeptIo(terminal);
  const view = runView(kept.io, OWN, hosts, { ...NO_OPTIONS, ...options }, { ...AS, ...as });
  for (const host of hosts) {
    view.hear?.(host, BEGIN);
    view.hear?.(host, printed(`${host} out\n`));
  }
  const results = hosts.map((host) => result(host, { exit: exits[host] ?? 0 }));
  for (const one of results.toReversed()) view.show(one);
  const early = kept.out;
  await view.close({ reqid: REQID, results, recorded: true }, 4_200);
  view.end();
  return { early, out: kept.out, err: kept.err, hears: view.hear !== undefined };
}

describe("a pipe, and --no-live anywhere, get the blocks as they come and nothing else", () => {
  test.each([
    ["a pipe", {}, {}],
    ["a terminal with --no-live", { "no-live": true }, SCREEN],
  ])("%s", async (_, options, terminal) => {
    expect(await shown(["a", "b"], options, terminal)).toEqual({
      early: `${header("b")}b out\n${header("a")}a out\n`,
      out: `${header("b")}b out\n${header("a")}a out\n`,
      err: "",
      hears: false,
    });
  });

  test("--no-live shows no colour of a script, as ever", () => {
    const kept = new KeptIo({ outIsTerminal: true });
    runView(kept.io, OWN, ["a"], { ...NO_OPTIONS, "no-live": true }, AS).show(
      result("a", { stdout: "\u001b[31mx\n" }),
    );
    expect(kept.out).toEndWith("]\n^[[31mx\n");
  });
});

test("--no-live: what goes on is shown as in a pipe", () => {
  const left = result("a", { exit: -1, rtt: "9ms", state: "running", error: "read timeout" });
  const header = (options: object, terminal: object) => {
    const kept = new KeptIo(terminal);
    runView(kept.io, OWN, ["a"], { ...NO_OPTIONS, ...options }, AS).show(left);
    return kept.out;
  };
  expect(header({ "no-live": true }, SCREEN)).toStartWith("==> a  [FAIL  exit:-1  9ms  req:");
  expect(header({ "no-live": true }, SCREEN)).toBe(header({}, {}));
});

test("a person waits for as long as a script runs, whatever is shown of it, and a pipe does not", () => {
  const heard = (hosts: readonly string[], more: object, terminal: object) =>
    runView(new KeptIo(terminal).io, OWN, hosts, NO_OPTIONS, { ...AS, ...more }).hear !== undefined;
  for (const more of [{ quiet: true }, { onlyFailed: true }, { fold: true }, { fold: false }]) {
    for (const hosts of [["a", "b"], SIX]) {
      expect(heard(hosts, more, SCREEN)).toBe(true);
      expect(heard(hosts, more, {})).toBe(false);
    }
  }
});

describe("on a terminal, or with --live", () => {
  test("one host: its output, then its header", async () => {
    for (const [options, terminal] of [
      [{}, SCREEN],
      [{ live: true }, {}],
    ]) {
      expect(await shown(["a"], options as object, terminal as object)).toEqual({
        early: `a out\n${header("a")}`,
        out: `a out\n${header("a")}`,
        err: "",
        hears: true,
      });
    }
  });

  test("two to five: lines, headers, and a summary on stderr", async () => {
    const { out, err } = await shown(["a", "bb"], {}, SCREEN, { a: 3 });
    expect(out).toBe(`a  | a out\nbb | bb out\n${header("bb")}${header("a", 3)}`);
    expect(err).toBe(`2 hosts: 1 ok, 1 failed; 4.2s; req:${REQID}\n`);
    expect((await shown(SIX.slice(1), {}, SCREEN)).out).toStartWith("b | b out\n");
  });

  test("six: a block for those that are alike when all have ended, and until then who failed", async () => {
    const { early, out, err } = await shown(SIX, {}, { ...SCREEN, errIsTerminal: true }, { e: 3 });
    expect(early).toBe("");
    const blocks = ["a", "b", "c", "d", "f"].map((host) => `${header(host)}${host} out\n`);
    expect(out).toBe(`${blocks.join("")}${header("e", 3)}e out\n`);
    expect(err).toBe(`e failed: exit:3\n6 hosts: 5 ok, 1 failed; 4.2s; req:${REQID}\n`);
  });

  test("six with --live: lines", async () => {
    const { out } = await shown(SIX, { live: true }, {});
    expect(out).toStartWith("a | a out\nb | b out\n");
    expect(out).toEndWith(header("a"));
  });

  test("of failures, the first five are reported, and nobody who was given up", async () => {
    const hosts = Array.from({ length: 9 }, (_, index) => `web-${index}`);
    const kept = new KeptIo({ ...SCREEN, errIsTerminal: true });
    const view = runView(kept.io, OWN, hosts, NO_OPTIONS, AS);
    view.show(result("web-0", { exit: -1, rtt: "", state: "unknown", error: "stopped" }));
    expect(kept.err).toBe("");
    view.end();
    const other = new KeptIo({ ...SCREEN, errIsTerminal: true });
    const failing = runView(other.io, OWN, hosts, NO_OPTIONS, AS);
    for (const host of hosts) failing.show(result(host, { exit: 126, signal: "SIGSEGV\u001b" }));
    failing.end();
    const told = hosts.slice(0, 5).map((host) => `${host} failed: killed by SIGSEGV^[`);
    const more = "More hosts have failed: all are shown at the end\n";
    expect(other.err).toBe(`${told.join("\n")}\n${more}`);
  });

  test("a host of an older agent: its output with its result, and a word about it", () => {
    const kept = new KeptIo(SCREEN);
    const view = runView(kept.io, OWN, ["old\u001b[2J"], NO_OPTIONS, AS);
    view.show(result("old\u001b[2J"));
    expect(kept.out).toBe(`${header("old^[[2J")}old\u001b[2J out\n`.replaceAll("\u001b", "^["));
    expect(kept.err).toBe(
      "ctrl-exec: old^[[2J shows output only when the script has ended: its agent is older than 1.1, or cannot write to its state folder\n",
    );
  });

  test("one that was not reached is not an older agent", () => {
    const kept = new KeptIo(SCREEN);
    const view = runView(kept.io, OWN, ["a"], NO_OPTIONS, AS);
    view.show(result("a", { exit: -1, stdout: "", state: "never-ran", error: "no route" }));
    expect(kept.out).toContain("    ERROR: no route\n");
    expect(kept.err).toBe("");
  });

  test("dropped output is said where it begins, once for each stream, and at the end how much it was", () => {
    const kept = new KeptIo(SCREEN);
    const view = runView(kept.io, OWN, ["a"], NO_OPTIONS, AS);
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
  ])("a run of %d ms took %s", async (ms, words) => {
    const kept = new KeptIo(SCREEN);
    const results = [result("a"), result("b", { exit: -1, state: "unknown", error: "x" })];
    await runView(kept.io, OWN, ["a", "b"], NO_OPTIONS, AS).close(
      { reqid: REQID, results, recorded: true },
      ms,
    );
    expect(kept.err).toBe(`2 hosts: 1 ok, 1 unknown; ${words}; req:${REQID}\n`);
  });
});

test("--json is one line with all results, and --json-stream one for each event", async () => {
  const { out, hears } = await shown(["a", "b"], { json: true }, SCREEN);
  expect(hears).toBe(false);
  expect(out).toStartWith('{"ok":1,"results":[{"host":"a","script":"x"');
  expect(out.match(/\n/g)).toHaveLength(1);
  const { out: lines } = await shown(["a", "b"], { "json-stream": true }, SCREEN);
  const events = lines.trimEnd().split("\n");
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

test("in 40 columns the summary has a line for each of its parts", async () => {
  const terminal = { ...SCREEN, errIsTerminal: true, columns: 40 };
  const { err } = await shown(SIX, {}, terminal);
  expect(err).toBe(`6 hosts: 6 ok;\n4.2s;\nreq:${REQID}\n`);
});

describe("which results are shown, and how much of them", () => {
  const exits = { b: 1, e: 3 };

  test("--fold in a pipe: one header for hosts that are alike, and all names in it", async () => {
    const kept = new KeptIo({});
    const view = runView(kept.io, OWN, ["web-1", "web-2"], NO_OPTIONS, { ...AS, fold: true });
    const results = ["web-2", "web-1"].map((host) => result(host, { stdout: "same\n" }));
    for (const one of results) view.show(one);
    expect(kept.out).toBe("");
    await view.close({ reqid: REQID, results, recorded: true }, 4_200);
    expect(kept.out).toBe(`==> web-[1-2] (2)  [OK  exit:0  42ms  req:${REQID}]\nsame\n`);
    expect(kept.err).toBe(`2 hosts: 2 ok; 4.2s; req:${REQID}\n`);
  });

  test.each([
    ["a pipe", {}, {}],
    ["--no-live", { "no-live": true }, SCREEN],
  ])(
    "--only failed in %s: blocks as they come, and how many others",
    async (_, options, terminal) => {
      const { early, out, err } = await shown(SIX, options, terminal, exits, { onlyFailed: true });
      expect(early).toBe(`${header("e", 3)}e out\n${header("b", 1)}b out\n`);
      expect(out).toBe(early);
      expect(err).toBe("4 of 6 hosts did not fail: not shown\n");
    },
  );

  test("--only failed on a terminal, of few hosts and of many", async () => {
    const few = await shown(["a", "b"], {}, SCREEN, exits, { onlyFailed: true });
    expect(few.early).toBe(`${header("b", 1)}b out\n`);
    expect(few.err).toBe(
      `1 of 2 hosts did not fail: not shown\n2 hosts: 1 ok, 1 failed; 4.2s; req:${REQID}\n`,
    );
    const many = await shown(SIX, {}, SCREEN, exits, { onlyFailed: true });
    expect(many.out).toBe(`${header("b", 1)}b out\n${header("e", 3)}e out\n`);
    expect(many.err).toBe(
      `4 of 6 hosts did not fail: not shown\n6 hosts: 4 ok, 2 failed; 4.2s; req:${REQID}\n`,
    );
  });

  test("--quiet: headers alone", async () => {
    const piped = await shown(["a", "b"], {}, {}, exits, { quiet: true });
    expect([piped.out, piped.err]).toEqual([header("b", 1) + header("a"), ""]);
    const few = await shown(["a", "b"], {}, SCREEN, exits, { quiet: true });
    expect(few.out).toBe(piped.out);
    expect(few.err).toBe(`2 hosts: 1 ok, 1 failed; 4.2s; req:${REQID}\n`);
    const one = await shown(["a"], {}, SCREEN, exits, { quiet: true });
    expect([one.out, one.err]).toEqual([header("a"), ""]);
    const many = await shown(SIX, {}, SCREEN, { e: 3 }, { quiet: true });
    expect(many.out).toBe(`${header("a-d,f (5)").replace("a-d", "a,b,c,d")}${header("e", 3)}`);
  });

  test("--no-fold: a block for each host as it comes; of few hosts, lines as ever", async () => {
    const many = await shown(SIX, {}, SCREEN, {}, { fold: false });
    expect(many.early).toBe(
      SIX.toReversed()
        .map((host) => `${header(host)}${host} out\n`)
        .join(""),
    );
    expect(many.err).toBe(`6 hosts: 6 ok; 4.2s; req:${REQID}\n`);
    const few = await shown(["a", "b"], {}, SCREEN, {}, { fold: false });
    expect(few.out).toStartWith("a | a out\nb | b out\n");
  });
});

test("progress names the batch of a rollout that is under way", async () => {
  using clock = spyOn(performance, "now");
  const kept = new KeptIo({ ...SCREEN, errIsTerminal: true });
  const view = runView(kept.io, OWN, ["web-1", "web-2", "web-3"], NO_OPTIONS, AS);
  clock.mockReturnValue(performance.now() + 60_000);
  view.show(result("web-1"));
  expect(kept.err).not.toContain("batch");
  view.tell?.({ event: "batch", reqid: REQID, batch: 2, of: 3, hosts: ["web-2"] });
  clock.mockReturnValue(performance.now() + 60_000);
  view.show(result("web-2"));
  expect(kept.err).toContain("batch 2 of 3, 2 of 3 done, 1 to come, ");
  expect(kept.err).not.toContain("slowest: web-3");
  view.end();
});

test.each([
  [0, "batch 1 of 2: 2 ok\n"],
  [1, "batch 1 of 2: 1 of 2 failed\n"],
])("where blocks come at the end, each batch says how it ended: %d failed", (failed, line) => {
  const kept = new KeptIo({ ...SCREEN, errIsTerminal: true });
  const hosts = ["web-1", "web-2"];
  const view = runView(kept.io, OWN, [...hosts, "web-3"], NO_OPTIONS, { ...AS, fold: true });
  view.tell?.({ event: "batch", reqid: REQID, batch: 1, of: 2, hosts });
  view.tell?.({ event: "batch-end", reqid: REQID, batch: 1, of: 2, failed });
  view.end();
  expect(kept.err).toEndWith(line);
});

describe("the hosts that a rollout has not started", () => {
  const error = "the rollout stopped after batch 1 of 2: 1 host failed";
  const left = ["web-3", "web-4"].map((host) =>
    result(host, { exit: -1, state: "not-started", error, rtt: "", stdout: "" }),
  );
  const block = `==> web-[3-4] (2)  [NOT-STARTED  req:${REQID}]\n    ERROR: ${error}\n`;

  test.each([
    ["a pipe", {}],
    ["a terminal", SCREEN],
  ] as const)("share a block at the end, after a whole line: %s", async (_, on) => {
    const kept = new KeptIo(on);
    const view = runView(kept.io, OWN, ["web-1", "web-3", "web-4"], NO_OPTIONS, AS);
    const results = [result("web-1", { stdout: "no newline" }), ...left];
    for (const each of results) view.show(each);
    await view.close({ reqid: REQID, results, recorded: true }, 1);
    view.end();
    expect(kept.out).toEndWith(`\n${block}`);
    expect(kept.out.split("NOT-STARTED")).toHaveLength(2);
  });
});
