/** Output as it comes: of one host as it is, of several in lines behind their names. */
import { describe, expect, test } from "bun:test";
import { liveLines } from "../../../../src/cli/render/live-lines.ts";
import { type LiveOutput, wholeOutput } from "../../../../src/cli/render/live-output.ts";
import { KeptIo } from "../../../support/kept-io.ts";

const RED = "\u001b[31m";
const RESET = "\u001b[0m";
const TERMINAL = { outIsTerminal: true, errIsTerminal: true };

type Piece = readonly [host: string, stream: "stdout" | "stderr", text: string | Uint8Array];

/** What is shown of the pieces, each host ended after them. */
function shown(
  open: (io: KeptIo["io"]) => LiveOutput,
  pieces: readonly Piece[],
  terminal = {},
): KeptIo {
  const kept = new KeptIo(terminal);
  const output = open(kept.io);
  for (const [host, stream, text] of pieces) output.show(host, stream, Buffer.from(text as string));
  for (const host of new Set(pieces.map(([host]) => host))) output.end(host);
  return kept;
}

describe("one host", () => {
  const one = (pieces: readonly (string | Uint8Array)[], terminal = {}) =>
    shown(
      wholeOutput,
      pieces.map((piece) => ["web-01", "stdout", piece] as const),
      terminal,
    );

  test("a pipe gets the bytes as they are, of each stream", () => {
    const bytes = Buffer.from([0xff, 0x1b, 0x5b, 0x32, 0x4a, 0, 0x9b, 13, 10]);
    const kept = one([bytes.subarray(0, 3), bytes.subarray(3)]);
    expect(kept.bytes.equals(bytes)).toBe(true);
    const both = [
      ["web-01", "stdout", "out\n"],
      ["web-01", "stderr", "err\n"],
    ] as const;
    expect(shown(wholeOutput, both)).toMatchObject({ out: "out\n", err: "err\n" });
  });

  test("what has no newline is shown at once, and what follows begins a line", () => {
    const kept = new KeptIo(TERMINAL);
    const output = wholeOutput(kept.io);
    output.show("web-01", "stdout", Buffer.from("Password? "));
    expect(kept.out).toBe("Password? ");
    output.end("web-01");
    expect(kept.out).toBe("Password? \n");
    output.end("web-01");
    expect(kept.out).toBe("Password? \n");
  });

  test("T74 a terminal gets colours alone, and its own again at the end", () => {
    const { out } = one([`${RED}a\u001b[2`, "J\u001b]0;t\u0007b"], TERMINAL);
    expect(out).toBe(`${RED}a^[[2J^[]0;t^Gb${RESET}\n`);
    const { out: plain } = one([`${RED}a\n`], { ...TERMINAL, env: { NO_COLOR: "1" } });
    expect(plain).toBe("^[[31ma\n");
  });

  test("T74 each stream is safe by where it goes", () => {
    const pieces = [
      ["web-01", "stdout", "\u0007\n"],
      ["web-01", "stderr", "\u0007\n"],
    ] as const;
    expect(shown(wholeOutput, pieces, { errIsTerminal: true })).toMatchObject({
      out: "\u0007\n",
      err: "^G\n",
    });
  });
});

describe("several hosts", () => {
  const several = (pieces: readonly Piece[], terminal = {}) =>
    shown((io) => liveLines(io, ["web-01", "db-1"]), pieces, terminal);

  test("whole lines after padded names, stderr's on stderr", () => {
    const kept = several([
      ["web-01", "stdout", "on"],
      ["db-1", "stdout", "two\nthr"],
      ["web-01", "stderr", "oops\n"],
      ["web-01", "stdout", "e\n\nx"],
      ["db-1", "stdout", "ee\n"],
    ]);
    expect(kept.out).toBe("db-1   | two\nweb-01 | one\nweb-01 | \ndb-1   | three\nweb-01 | x\n");
    expect(kept.err).toBe("web-01 | oops\n");
  });

  test("a pipe gets the bytes of each line as they are", () => {
    const bytes = Buffer.from([0xff, 0x1b, 0x5b, 0x9b, 13, 10, 0xe6]);
    const kept = several([["db-1", "stdout", bytes]]);
    const mark = Buffer.from("db-1   | ");
    const lines = [mark, bytes.subarray(0, 6), mark, bytes.subarray(6), Buffer.from("\n")];
    expect(kept.bytes.equals(Buffer.concat(lines))).toBe(true);
  });

  test("colours go on in the host's next line, and never into another's", () => {
    const { out } = several(
      [
        ["db-1", "stdout", `${RED}a\nb`],
        ["web-01", "stdout", "x\n"],
        ["db-1", "stdout", `${RESET}c\nd\n`],
      ],
      TERMINAL,
    );
    expect(out).toBe(
      `db-1   | ${RED}a${RESET}\nweb-01 | x\ndb-1   | ${RED}b${RESET}c\ndb-1   | d\n`,
    );
  });

  test.each([
    ["one on another", `${RED}\u001b[1m`, `${RED}\u001b[1m`],
    ["ended", `${RED}x\u001b[m`, ""],
    ["ended, written with a zero", `${RED}x\u001b[00m`, ""],
    ["begun anew", `${RED}x\u001b[0;32m`, "\u001b[0;32m"],
    ["without end: the last", `${"\u001b[38;5;1m".repeat(1000)}${RED}`, RED],
  ])("the colours of the next line: %s", (_, colours, next) => {
    const { out } = several([["db-1", "stdout", `${colours}\ny\n`]], TERMINAL);
    const [, second = ""] = out.split("\n");
    expect(second.length).toBeLessThan(300);
    expect(second.slice("db-1   | ".length, -1 - (next === "" ? 0 : RESET.length))).toEndWith(next);
    expect(second).toEndWith(next === "" ? "y" : `y${RESET}`);
  });

  test("a pipe's line that is too long is cut, whatever stands in it", () => {
    const line = `\u001b[2J${"x".repeat(40_000)}`;
    const { out } = several([["web-01", "stdout", `${line}\n`]]);
    expect(
      out
        .split("\n")
        .map((part) => part.slice("web-01 | ".length))
        .join(""),
    ).toBe(line);
  });

  test("T74 no host draws over or into another's line", () => {
    const { out } = several(
      [
        ["db-1", "stdout", "a\rweb-01 | b\r\n\u001b[1A\u009b2J"],
        ["web-01\n\u001b[2J", "stdout", "x\u001b[3"],
      ],
      TERMINAL,
    );
    expect(out).toBe("db-1   | a^Mweb-01 | b\ndb-1   | ^[[1A<U+009B>2J\nweb-01 ^[[2J | x^[[3\n");
  });

  test("T72 of a line without end little is held, and no character is torn", () => {
    const kept = new KeptIo();
    const output = liveLines(kept.io, ["db-1"]);
    const text = "日本語".repeat(20_000);
    for (let at = 0; at < text.length; at += 999) {
      output.show("db-1", "stdout", Buffer.from(text.slice(at, at + 999)));
      expect(Buffer.byteLength(text.slice(0, at + 999)) - kept.bytes.length).toBeLessThan(16_400);
    }
    output.end("db-1");
    const lines = kept.out.trimEnd().split("\n");
    expect(lines.length).toBe(Math.ceil(Buffer.byteLength(text) / 16_383));
    expect(lines.map((line) => line.slice("db-1 | ".length)).join("")).toBe(text);
  });

  test("a line as long as may be is one", () => {
    for (const length of [16_383, 16_384]) {
      const line = "x".repeat(length);
      expect(several([["web-01", "stdout", `${line}\ny`]]).out).toBe(
        `web-01 | ${line}\nweb-01 | y\n`,
      );
      expect(
        several([
          ["web-01", "stdout", line],
          ["web-01", "stdout", "\n"],
        ]).out,
      ).toBe(`web-01 | ${line}\n`);
    }
    expect(several([["web-01", "stdout", `${"x".repeat(16_385)}\n`]]).out.split("\n").length).toBe(
      3,
    );
  });

  test("T74 a colour on the seam of a line that is too long is not torn", () => {
    const { out } = several([["db-1", "stdout", `${"x".repeat(16_382)}${RED}y\n`]], TERMINAL);
    const plain = out.replaceAll(RED, "").replaceAll(RESET, "");
    expect(plain).not.toContain("\u001b");
    expect(plain.replaceAll(/\n|db-1 {3}\| /g, "")).toBe(`${"x".repeat(16_382)}y`);
  });
});
