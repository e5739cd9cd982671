import { expect, test } from "bun:test";
import { PiecedText } from "../../../../src/core/wire/pieced-text.ts";

function textOf(...pieces: string[]): PiecedText {
  const text = new PiecedText();
  for (const piece of pieces) text.add(piece);
  return text;
}

test("is its pieces, in order", () => {
  const text = textOf("a", "", "b€", "😀");
  expect([...text.parts()].join("")).toBe("ab€😀");
  expect([String(text), JSON.stringify({ text })]).toEqual(["ab€😀", '{"text":"ab€😀"}']);
  expect([text.length, text.bytes]).toEqual([5, 9]);
});

test("T69 knows what it holds: two bytes a character in a piece where one of them needs it", () => {
  expect(textOf("abc", "déf").held).toBe(6);
  expect(textOf("abc", "d€f").held).toBe(9);
});

test.each<[string[], boolean]>([
  [["QUJD", "QUJD"], true],
  [["QUI", "="], true],
  [["QQ=", "="], true],
  [["QQ", "=="], true],
  [[], true],
  [["QUJ"], false],
  [["QQ==", "QQ=="], false],
  [["Q", "==="], false],
  [["QU=", "D"], false],
  [["QU D"], false],
  [["QUJ€"], false],
])("%j is base64: %p", (pieces, is) => {
  expect(textOf(...pieces).isBase64).toBe(is);
});
