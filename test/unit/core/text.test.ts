import { describe, expect, test } from "bun:test";
import {
  cutCharacter,
  decodeText,
  firstOf,
  forColourTerminal,
  forOneLine,
  forTerminal,
  inPieces,
  jsonForScreen,
  nearestMatch,
  screenLine,
} from "../../../src/core/text.ts";

describe("T29 what a terminal would obey becomes visible", () => {
  test.each([
    ["clear the screen", "\u001b[2J", "^[[2J"],
    ["set the title", "\u001b]0;x\u0007", "^[]0;x^G"],
    ["backspace", "safe\b\b\b\bevil", "safe^H^H^H^Hevil"],
    ["NUL", "a\0b", "a^@b"],
    ["DEL", "a\u007fb", "a<U+007F>b"],
    ["the one-byte CSI of C1", "\u009b31m", "<U+009B>31m"],
    ["right-to-left override", "\u202egpj.exe", "<U+202E>gpj.exe"],
    ["isolates", "\u2066x\u2069", "<U+2066>x<U+2069>"],
    ["Arabic letter mark", "\u061c", "<U+061C>"],
    ["line separator", "a\u2028b", "a<U+2028>b"],
    ["carriage return over a line", "real\rfake", "real^Mfake"],
    ["carriage returns at the end", "10%\r20%\r", "10%^M20%^M"],
    ["a carriage return before a line's own", "x\r\r\ny", "x^M\ny"],
  ])("%s", (_, text, shown) => {
    expect(forTerminal(text)).toBe(shown);
  });

  test("text that is only text stays as it is", () => {
    const text = "tab\there\nnewline\nZoë 日本 \u{1f600} éè ~!";
    expect(forTerminal(text)).toBe(text);
    expect(forTerminal("dos\r\nlines\r\n")).toBe("dos\nlines\n");
  });

  test("no C0, C1 or DEL survives, whichever it is", () => {
    for (let code = 0; code < 0xa0; code++) {
      if (code === 9 || code === 10 || (code >= 0x20 && code < 0x7f)) continue;
      const shown = forTerminal(`<${String.fromCharCode(code)}>`);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
      expect(shown, `U+${code.toString(16)}`).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }
  });

  test("what stands in one line stays in one line", () => {
    expect(forOneLine("1.0\n==> web-02  [OK]\t\n\u001b[m")).toBe("1.0 ==> web-02  [OK] ^[[m");
  });
});

describe("T29 for a terminal that shows colours", () => {
  test.each([
    ["colours", "\u001b[1;31mred\u001b[0m\u001b[m\u001b[38:5:9m"],
    ["as many at once as anybody uses", `\u001b[${"1".repeat(64)}m`],
    ["colours by number or parts", "\u001b[38;5;8;48;2;5;6;8;58;5;6m\u001b[38:5:8m"],
  ])("%s stay", (_, text) => {
    expect(forColourTerminal(text)).toBe(text);
  });

  test.each([
    ["more of them", `\u001b[${"1".repeat(65)}m`, `^[[${"1".repeat(65)}m`],
    ["what else a terminal obeys", "\u001b[2J\u0007\u009b31m", "^[[2J^G<U+009B>31m"],
    ["a carriage return over a line", "\u001b[1mreal\rfake", "\u001b[1mreal^Mfake"],
    ["a line's own", "a\r\nb\rc\r", "a\nb^Mc^M"],
    ["what hides text", "a\u202eb\u00a0", "a<U+202E>b\u00a0"],
    ["letters that cannot be seen, and blinking", "\u001b[8ma\u001b[5;06;31mb", "a\u001b[31mb"],
    ["those beside a colour by number", "\u001b[8;38;5;8;5m", "\u001b[38;5;8m"],
  ])("%s does not", (_, text, shown) => {
    expect(forColourTerminal(text)).toBe(shown);
  });
});

describe("T74", () => {
  test("JSON has nothing raw that a terminal obeys, and the same value", () => {
    const all = String.fromCharCode(...Array.from({ length: 0x2100 }, (_, code) => code));
    const json = jsonForScreen(JSON.stringify({ [all]: all, list: [all, 1, null] }));
    expect(JSON.parse(json)).toEqual({ [all]: all, list: [all, 1, null] });
    expect(forTerminal(json)).toBe(json);
    expect(jsonForScreen('{"ok":1,"x":"Zoë 日本"}')).toBe('{"ok":1,"x":"Zoë 日本"}');
  });

  test("a blank and what is behind it stay as they are", () => {
    expect(forTerminal("a b!\u001f")).toBe("a b!^_");
  });

  test("no value ends or draws over a line of ours", () => {
    const name = "web\n==> db\r\u009b2J";
    expect(screenLine`Denied ${name} (${7}).\n`).toBe("Denied web ==> db^M<U+009B>2J (7).\n");
  });
});

describe("bytes to text", () => {
  test.each([
    ["UTF-8", Buffer.from("Zoë 日本\n"), "Zoë 日本\n", true],
    ["nothing", Buffer.alloc(0), "", true],
    ["NUL", Buffer.from([0x61, 0, 0x62]), "a\0b", true],
    ["a byte order mark, which is content", Buffer.from("\ufeffa"), "\ufeffa", true],
    ["Latin-1", Buffer.from([0x5a, 0x6f, 0xeb]), "Zo\ufffd", false],
    ["a cut character", Buffer.from("日").subarray(0, 2), "\ufffd", false],
    [
      "a byte order mark and what is not UTF-8",
      Buffer.from("efbbbf61ff", "hex"),
      "\ufeffa\ufffd",
      false,
    ],
    ["a surrogate", Buffer.from([0xed, 0xa0, 0x80]), "\ufffd\ufffd\ufffd", false],
    ["an overlong slash", Buffer.from([0xc0, 0xaf]), "\ufffd\ufffd", false],
  ])("%s", (_, bytes, text, exact) => {
    expect(decodeText(bytes)).toEqual({ text, exact });
  });
});

test("the beginning of a character at the end is known, and nothing else is taken for one", () => {
  const whole = ["a", "\u007f", "\u0080", "\u07ff", "\u0800", "\uffff", "\u{10000}", "\u{10ffff}"];
  for (const text of whole) {
    const bytes = Buffer.from(`x${text}`);
    for (let length = 1; length <= bytes.length; length++) {
      const cut = length < bytes.length ? length - 1 : 0;
      expect([text, length, cutCharacter(bytes.subarray(0, length))]).toEqual([text, length, cut]);
    }
  }
  const cutOf = (...bytes: number[]) => cutCharacter(Uint8Array.from(bytes));
  expect(cutOf()).toBe(0);
  // Bytes that only go on, and what begins no character.
  expect([cutOf(0x80), cutOf(0x80, 0x80, 0x80), cutOf(0xf4, 0x80, 0x80, 0x80)]).toEqual([0, 0, 0]);
  expect([cutOf(0xf4), cutOf(0xf5), cutOf(0xff), cutOf(0xf5, 0x80)]).toEqual([1, 0, 0, 0]);
  expect([cutOf(0xbf), cutOf(0xc0), cutOf(0xdf), cutOf(0xdf, 0x80)]).toEqual([0, 1, 1, 0]);
  expect([cutOf(0xe0, 0x80), cutOf(0xef, 0x80), cutOf(0xf0, 0x80, 0x80)]).toEqual([2, 2, 3]);
  expect([cutOf(0xe0, 0x80, 0x80), cutOf(0xf0, 0x7f), cutOf(0xe0, 0x61, 0x80)]).toEqual([0, 0, 0]);
});

describe("the nearest match", () => {
  const modes = ["run", "ping", "list-agents", "list-requests", "approve", "setup-ca"];
  test.each([
    ["rnu", "run"],
    ["pnig", "ping"],
    ["aprove", "approve"],
    ["list-agent", "list-agents"],
    ["list-reqests", "list-requests"],
    ["setup", "setup-ca"],
    ["lis", "list-agents"],
  ])("%s may mean %s", (typed, meant) => {
    expect(nearestMatch(typed, modes)).toBe(meant);
  });

  test.each(["constructor", "frobnicate", "", "x", "zz", "completely-different"])(
    "%j means none of them",
    (typed) => {
      expect(nearestMatch(typed, modes)).toBeUndefined();
    },
  );

  test.each([
    ["two letters", "li", ["list-agents"], undefined],
    ["two changes in a short word", "pxyg", ["ping"], "ping"],
    [
      "a zero that is missing, before a name that is as near",
      "web-1",
      ["web-2", "web-01"],
      "web-01",
    ],
    ["zeros that are missing", "db-7", ["db-1", "db-007"], "db-007"],
    ["zeros within a number are its own", "db-10", ["db-1", "db-01"], "db-1"],
    ["three changes in a word of eight", "abcdexyz", ["abcdefgh"], undefined],
    ["three changes in a word of nine", "abcdefxyz", ["abcdefghi"], "abcdefghi"],
    ["four changes in a word of nine", "abcdewxyz", ["abcdefghi"], undefined],
  ])("%s", (_, typed, candidates, meant) => {
    expect(nearestMatch(typed, candidates)).toBe(meant);
  });

  /** By the definition of the optimal string alignment distance. */
  function distance(a: string, b: string): number {
    if (a === "" || b === "") return a.length + b.length;
    const [head, tail] = [a.slice(0, -1), b.slice(0, -1)];
    const last = distance(head, tail) + (a.at(-1) === b.at(-1) ? 0 : 1);
    const swapped = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
    const swap = swapped ? distance(a.slice(0, -2), b.slice(0, -2)) + 1 : last;
    return Math.min(last, swap, distance(head, b) + 1, distance(a, tail) + 1);
  }

  test("counts what was changed, left out, added or swapped with its neighbour, and no more", () => {
    const word = (code: number) => `y${code.toString(3).padStart(5, "0")}`;
    for (let code = 0; code < 3 ** 5; code += 4) {
      for (let other = 1; other < 3 ** 5; other += 7) {
        const [typed, candidate] = [word(code), word(other).slice(0, 3 + (other % 4))];
        if (candidate.startsWith(typed)) continue;
        const changes = distance(typed, candidate);
        expect(nearestMatch(typed, [candidate], changes)).toBe(candidate);
        expect(nearestMatch(typed, [candidate], changes - 1)).toBeUndefined();
      }
    }
  });

  test("what is longer than 64 letters is not a typing error", () => {
    expect(nearestMatch("x".repeat(64), ["x".repeat(64)])).toBe("x".repeat(64));
    expect(nearestMatch("x".repeat(65), ["x".repeat(65)])).toBeUndefined();
  });

  test("one letter never means another", () => {
    expect(nearestMatch("v", ["ip", "log", "json"])).toBeUndefined();
  });
});

describe("a long text in pieces", () => {
  const LENGTH = 65_536;

  test.each([
    ["nothing", "", 0],
    ["a short text", "a\nb", 1],
    ["as long as a piece", "x".repeat(LENGTH), 1],
    ["one more", "x".repeat(LENGTH + 1), 2],
    ["lines", `${"x".repeat(99)}\n`.repeat(2000), 4],
    ["a pair of surrogates on the seam", `${"x".repeat(LENGTH - 1)}😀${"y".repeat(9)}`, 2],
    ["a carriage return on the seam", `${"x".repeat(LENGTH - 1)}\r\nz`, 2],
  ])("%s: nothing is lost and nothing torn", (_, text, count) => {
    const pieces = [...inPieces(text)];
    expect(pieces).toHaveLength(count);
    expect(pieces.join("")).toBe(text);
    for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
    for (const piece of pieces.slice(0, -1)) expect(piece).not.toEndWith("\r");
  });

  test("of what stands on the seam no more than one character waits for the next piece", () => {
    const [first = ""] = inPieces(`${"x".repeat(LENGTH - 1)}\r\nz`);
    expect(first).toHaveLength(LENGTH - 1);
  });

  test("lines stay whole", () => {
    const pieces = [...inPieces(`${"x".repeat(99)}\n`.repeat(2000))];
    for (const piece of pieces) expect(piece).toEndWith("\n");
  });
});

test("the first of many within a sentence, and how many more there are", () => {
  expect(firstOf(["a"], 3)).toBe("a");
  expect(firstOf(["a", "b", "c"], 3)).toBe("a, b, c");
  expect(firstOf(["a", "b", "c", "d", "e"], 3)).toBe("a, b, c and 2 more");
});
