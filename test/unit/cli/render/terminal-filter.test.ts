import { describe, expect, test } from "bun:test";
import { TerminalFilter } from "../../../../src/cli/render/terminal-filter.ts";
import { forTerminal } from "../../../../src/core/text.ts";

const RED = "\u001b[31m";
const RESET = "\u001b[0m";

function shown(pieces: readonly (string | Uint8Array)[], coloured = true): string {
  const filter = new TerminalFilter(coloured);
  const taken = pieces.map((piece) => filter.take(Buffer.from(piece as string))).join("");
  const end = filter.end();
  expect(end.endsWith(RESET)).toBe(taken.includes("\u001b"));
  return taken + (end.endsWith(RESET) ? end.slice(0, -RESET.length) : end);
}

/** The bytes in two pieces, cut at every place. */
function* cuts(bytes: Buffer): Generator<[Buffer, Buffer]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

describe("T74 on a terminal colours pass", () => {
  test.each([
    ["a colour and its end", `${RED}x${RESET}`],
    ["several attributes", "\u001b[1;4;38;5;208mx\u001b[m"],
    ["a true colour, in both notations", "\u001b[38;2;1;2;3mx\u001b[38:2::1:2:3my\u001b[0m"],
    ["a tab and lines", "a\tb\n\nc\n"],
    ["text that is only text", "Zoë 日本 \u{1f600} ~!"],
  ])("%s", (_, text) => {
    expect(shown([text])).toBe(text);
    for (const pieces of cuts(Buffer.from(text))) expect(shown(pieces)).toBe(text);
  });

  test("none passes where none is wanted", () => {
    const bytes = Buffer.from(`${RED}x\u001b[2J${RESET}\r\n`);
    for (const pieces of cuts(bytes)) expect(shown(pieces, false)).toBe("^[[31mx^[[2J^[[0m\n");
  });
});

describe("T74 everything else that a terminal would obey is shown, however it is cut", () => {
  test.each([
    ["clear the screen", "\u001b[2J", "^[[2J"],
    ["erase the line behind a colour", `${RED}x${RESET}\u001b[K`, `${RED}x${RESET}^[[K`],
    ["move up", "\u001b[1A", "^[[1A"],
    ["set the title", "\u001b]0;x\u0007y", "^[]0;x^Gy"],
    ["write to the clipboard", "\u001b]52;c;eA==\u001b\\", "^[]52;c;eA==^[\\"],
    ["device control", "\u001bPx\u001b\\", "^[Px^[\\"],
    ["ask the terminal to answer", "\u001b[c\u001b[6n\u0005", "^[[c^[[6n^E"],
    ["private parameters that end in m", "\u001b[>4;1m\u001b[?4m", "^[[>4;1m^[[?4m"],
    ["an intermediate byte", "\u001b[31 m", "^[[31 m"],
    ["a control character within a colour", "\u001b[3\u00081m", "^[[3^H1m"],
    ["a colour within a colour", `\u001b[3${RED}1mx${RESET}`, `^[[3${RED}1mx${RESET}`],
    ["two escapes", `\u001b${RED}x${RESET}`, `^[${RED}x${RESET}`],
    ["parameters without end", `\u001b[${"1;".repeat(40)}m`, `^[[${"1;".repeat(40)}m`],
    ["C1 as UTF-8", "\u009b31m\u009d0;x\u009c\u0085", "<U+009B>31m<U+009D>0;x<U+009C><U+0085>"],
    ["backspace, NUL, bell, DEL", "a\b\0\u0007\u007f", "a^H^@^G<U+007F>"],
    ["shift out, vertical tab, form feed", "\u000e\u000b\f", "^N^K^L"],
    [
      "reordering",
      "\u202egpj\u2066x\u2069\u200f\u061c",
      "<U+202E>gpj<U+2066>x<U+2069><U+200F><U+061C>",
    ],
    ["line separators", "a\u2028b\u2029", "a<U+2028>b<U+2029>"],
    ["a carriage return over a line", "real\rfake", "real^Mfake"],
    ["carriage returns before a line's end", "a\r\nb\r\r\nc\r", "a\nb^M\nc^M"],
    ["a colour between carriage return and newline", `a\r${RESET}\n`, `a^M${RESET}\n`],
  ])("%s", (_, text, expected) => {
    expect(shown([text])).toBe(expected);
    for (const pieces of cuts(Buffer.from(text))) expect(shown(pieces)).toBe(expected);
    expect(shown([...Buffer.from(text)].map((byte) => Buffer.of(byte)))).toBe(expected);
  });

  test.each([
    ["C1 as single bytes", [0x61, 0x9b, 0x32, 0x4a, 0x62], "a\ufffd2Jb"],
    [
      "overlong and cut characters",
      [0xc0, 0x9b, 0xe6, 0x97, 0x0a, 0xf0],
      "\ufffd\ufffd\ufffd\n\ufffd",
    ],
  ])("%s", (_, bytes, expected) => {
    for (const pieces of cuts(Buffer.from(bytes))) expect(shown(pieces)).toBe(expected);
  });

  test("of every character, what passes is what forTerminal lets pass", () => {
    const filter = new TerminalFilter(true);
    for (let code = 0; code < 0x3000; code++) {
      const text = `<${String.fromCharCode(code)}>`;
      expect(filter.take(Buffer.from(text)), `U+${code.toString(16)}`).toBe(forTerminal(text));
    }
  });

  test("noise in pieces of any length never lets anything but a colour through", () => {
    // A generator of its own, so that a failure can be repeated.
    let seed = 7;
    const next = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const alphabet = ["\u001b", "[", "3", ";", "m", "\r", "\n", "K", "\u009b", "日", "\u202e", "]"];
    for (let round = 0; round < 300; round++) {
      const text = Array.from({ length: 60 }, () => alphabet[next(alphabet.length)]).join("");
      const bytes = Buffer.from(text);
      const pieces: Buffer[] = [];
      for (let at = 0; at < bytes.length; ) {
        const length = 1 + next(5);
        pieces.push(bytes.subarray(at, at + length));
        at += length;
      }
      const out = shown(pieces);
      expect(out).toBe(shown([text]));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what may be there
      const rest = out.replaceAll(/\u001b\[[\d;:]*m/g, "");
      expect(rest, JSON.stringify(text)).toBe(forTerminal(rest));
      expect(rest).not.toContain("\r");
    }
  });
});

test("at the end the terminal has its own colours again", () => {
  const filter = new TerminalFilter(true);
  expect(filter.take(Buffer.from(`${RED}x`))).toBe(`${RED}x`);
  expect(filter.end()).toBe(RESET);
  expect(filter.end()).toBe("");
  filter.take(Buffer.from("x"));
  expect(filter.end()).toBe("");
});

test("nothing waits but a sequence that may be a colour, a carriage return or a part of a character", () => {
  const filter = new TerminalFilter(true);
  expect(filter.take(Buffer.from("a\u001b["))).toBe("a");
  expect(filter.take(Buffer.from("3"))).toBe("");
  expect(filter.take(Buffer.from("1".repeat(100)))).toBe(`^[[3${"1".repeat(100)}`);
  expect(filter.take(Buffer.from("b\r"))).toBe("b");
  expect(filter.take(Buffer.from("\n"))).toBe("\n");
});
