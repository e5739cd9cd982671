/** Bytes as JSON: what JSON.stringify and jsonForScreen() make of them as strings. */
import { describe, expect, test } from "bun:test";
import { jsonForScreen } from "../../../../src/core/text.ts";
import { jsonBase64, jsonText } from "../../../../src/core/wire/json-bytes.ts";

const asStrings = (text: string) => jsonForScreen(JSON.stringify(text));
const asBytes = (text: string) => jsonText("", Buffer.from(text), "").toString();

/** Mulberry32: the same numbers in each run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const isSurrogate = (code: number) => code >= 0xd800 && code < 0xe000;

describe("text", () => {
  test("every character of the basic plane, and some of the others, is as in a string", () => {
    const codes = Array.from({ length: 0x10000 }, (_, code) => code).filter((c) => !isSurrogate(c));
    for (let code = 0x10000; code <= 0x10ffff; code += 0x3fd) codes.push(code);
    const text = codes.map((code) => String.fromCodePoint(code)).join("");
    // Not toBe(): a difference would be shown in full.
    expect(asBytes(text) === asStrings(text)).toBe(true);
    for (const code of codes.slice(0, 0x2100)) {
      const character = String.fromCodePoint(code);
      expect(asBytes(character), `U+${code.toString(16)}`).toBe(asStrings(character));
    }
  });

  test("whatever stands beside whatever", () => {
    const below = numbers(1);
    const kinds = [0x20, 0x80, 0xa0, 0x700, 0x2100, 0x110000];
    for (let time = 0; time < 2000; time++) {
      const codes = Array.from({ length: below(40) }, () => below(kinds[below(6)] ?? 1));
      const text = String.fromCodePoint(...codes.filter((code) => !isSurrogate(code)));
      expect(asBytes(text)).toBe(asStrings(text));
    }
  });

  test("a text of controls alone, of which each byte becomes six", () => {
    const text = "\0".repeat(70_000);
    expect(asBytes(text) === asStrings(text)).toBe(true);
  });
});

test("bytes are as in base64, whatever their length", () => {
  const below = numbers(2);
  for (let length = 0; length < 260; length++) {
    const bytes = Uint8Array.from({ length }, () => below(256));
    const base64 = Buffer.from(bytes).toString("base64");
    expect(jsonBase64("", bytes, "").toString()).toBe(`"${base64}"`);
  }
});

test("what stands around it stays as it is, and none is written over by the next one", () => {
  const first = jsonText("é{", Buffer.from('"'), "}日");
  const second = jsonBase64("[", Buffer.from([0xff]), "]");
  expect([first, second].map(String)).toEqual(['é{"\\""}日', '["/w=="]']);
});

test("there is room for whatever stands around it", () => {
  const long = "x".repeat(2 ** 20);
  expect(jsonText(long, Buffer.from("a"), "").length).toBe(long.length + 3);
  expect(jsonText("", Buffer.from("a"), long + long).length).toBe(2 * long.length + 3);
});
