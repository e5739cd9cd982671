/** What a fleet's results look like folded: on a terminal, in a pipe, with differences, and headers alone. */
import { describe, expect, test } from "bun:test";
import { type FoldedAs, showFolded } from "../../../../src/cli/render/folded-blocks.ts";
import type { RunResult } from "../../../../src/core/run-result.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const REQID = "a1b2c3d4e5f60718";
const OWN = { file: "/etc/ctrl-exec/ctrl-exec.conf", pairing_port: 7444 };
const SCREEN = { outIsTerminal: true, columns: 80, env: { NO_COLOR: "1" } };

function result(host: string, more: object = {}): RunResult {
  const head = { host, script: "x", exit: 0, stdout: "out\n", stderr: "", rtt: "42ms" };
  return { ...head, reqid: REQID, state: "ended", ...more } as RunResult;
}

const web = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, index) => result(`web-${10 + index}`, more));

async function shown(
  results: readonly RunResult[],
  as: Partial<FoldedAs> = {},
  terminal: object = {},
): Promise<string> {
  const kept = new KeptIo(terminal);
  await showFolded(kept.io, OWN, results, { diff: false, quiet: false, ...as });
  expect(kept.err).toBe("");
  return kept.out;
}

describe("folded", () => {
  test("one block for each kind, with the markers of any block", async () => {
    const results = [
      ...web(3),
      result("web-20", { rtt: "9ms" }),
      result("db-1", { exit: 3, stdout: "a", stderr: "disk full\n" }),
      result("db-2", { exit: -1, stdout: "", state: "unknown", error: "read timeout after 60s" }),
    ];
    expect(await shown(results)).toBe(
      [
        `==> web-[10-12,20] (4)  [OK  exit:0  9-42ms  req:${REQID}]`,
        "out",
        `==> db-1  [FAIL  exit:3  42ms  req:${REQID}]`,
        "a",
        "    STDERR: disk full",
        `==> db-2  [FAIL  exit:-1  42ms  req:${REQID}]`,
        "    ERROR: read timeout after 60s",
        "    STATE: unknown: it may have run there, or still be running",
        "",
      ].join("\n"),
    );
  });

  test("hosts that are down share a block, each under its own name", async () => {
    const results = web(3).map(({ host }) =>
      result(host, { exit: -1, stdout: "", state: "never-ran", error: `no route to ${host}:7443` }),
    );
    expect(await shown(results, {}, SCREEN)).toBe(
      `==> web-[10-12] (3)  [FAIL  exit:-1  42ms  req:${REQID}]\n    ERROR: no route to <host>\n    STATE: never-ran\n`,
    );
  });

  test("those that still run say since when the first of them does", async () => {
    const running = (host: string, started: string) =>
      result(host, { exit: -1, stdout: "", rtt: "", state: "running", started });
    const results = [running("a", "2026-11-29T08:00:05Z"), running("b", "2026-11-29T08:00:00Z")];
    expect(await shown(results, {}, SCREEN)).toBe(
      `==> a,b (2)  [RUNNING  since:2026-11-29T08:00:00Z  req:${REQID}]\n`,
    );
  });

  test("T29 a terminal gets colours and nothing else that it obeys; a pipe the bytes", async () => {
    const results = web(2, { stdout: "\u001b[31mred\u001b[2J\n" });
    expect(await shown(results, {}, { outIsTerminal: true })).toEndWith(
      "\u001b[31mred^[[2J\n\u001b[0m",
    );
    expect(await shown(results)).toEndWith("\u001b[31mred\u001b[2J\n");
  });

  test("headers alone: one for all that look the same", async () => {
    const results = [...web(3), result("a", { stdout: "b" }), result("c", { exit: 1, error: "x" })];
    expect(await shown(results, { quiet: true })).toBe(
      [
        `==> a,web-[10-12] (4)  [OK  exit:0  42ms  req:${REQID}]`,
        `==> c  [FAIL  exit:1  42ms  req:${REQID}]`,
        "",
      ].join("\n"),
    );
  });

  test.each([80, 40])("at %d columns every line of ours fits", async (columns) => {
    const names = ["alpha.eu.example", "beta.us.example", "gamma.eu.example", "delta.eu.example"];
    const results = names.map((host) => result(host, { exit: 1 }));
    const out = await shown(results, {}, { ...SCREEN, columns });
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
    for (const name of names) expect(out).toContain(name);
  });
});

describe("differences", () => {
  const lines = (changed = "7") => `${[..."123456"].join("\n")}\n${changed}\n8\n9\n`;

  test("the largest block whole, and first; the others as changes to it", async () => {
    const results = [
      ...web(3, { exit: 1, stdout: lines(), stderr: "e\n" }),
      result("a", { stdout: lines("x"), stderr: "e\n" }),
      result("b", { exit: 1, stdout: lines(), stderr: "" }),
    ];
    expect(await shown(results, { diff: true })).toBe(
      [
        `==> web-[10-12] (3)  [FAIL  exit:1  42ms  req:${REQID}]`,
        lines().trimEnd(),
        "    STDERR: e",
        `==> a  [OK  exit:0  42ms  req:${REQID}]`,
        "    DIFF: stdout, from the first block",
        "    DIFF: stderr is the first block's",
        ...["@@ -4,6 +4,6 @@", " 4", " 5", " 6", "-7", "+x", " 8", " 9"],
        `==> b  [FAIL  exit:1  42ms  req:${REQID}]`,
        "    DIFF: stdout is the first block's",
        "    DIFF: stderr is empty",
        "",
      ].join("\n"),
    );
  });

  test("of stderr, after its marker; a newline that is missing is said", async () => {
    const results = [
      ...web(2, { stdout: "", stderr: "e\n" }),
      result("a", { stdout: "", stderr: "f" }),
    ];
    expect(await shown(results, { diff: true })).toEndWith(
      [
        "    DIFF: stderr, from the first block",
        "    STDERR: @@ -1,1 +1,1 @@",
        "    STDERR: -e",
        "    STDERR: +f",
        "    STDERR: \\ No newline at end of file",
        "",
      ].join("\n"),
    );
  });

  test("what cannot be compared is whole, with the reason", async () => {
    const bytes = { stdout: "lossy", stdout_b64: Buffer.from([0xff, 10]).toString("base64") };
    const results = [
      ...web(2),
      result("a", bytes),
      result("b", { exit: -1, stdout: "", state: "never-ran", error: "x" }),
    ];
    const out = await shown(results, { diff: true });
    expect(out).toContain("    DIFF: stdout whole: not text\n\ufffd\n==> b");
    expect(out).toEndWith("    ERROR: x\n    STATE: never-ran\n");
    expect(await shown([...web(2, { stdout: "" }), result("a")], { diff: true })).toEndWith(
      "    DIFF: stdout whole: the first is empty\nout\n",
    );
  });

  test("T29 colours of ours for each line, and none of a host's beyond its own", async () => {
    const results = [
      ...web(2, { stdout: "a\n" }),
      result("b", { stdout: "\u001b[31mx\u001b[2J\n" }),
    ];
    const out = await shown(results, { diff: true }, { outIsTerminal: true });
    expect(out).toContain("\u001b[31m-a\u001b[0m\n\u001b[32m+\u001b[31mx^[[2J\u001b[0m\n");
  });
});
