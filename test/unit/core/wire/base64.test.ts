/** Bytes and their base64, in pieces of any length, and how pieces are kept. */
import { describe, expect, test } from "bun:test";
import { base64Of, bytesOf } from "../../../../src/core/wire/base64.ts";
import { BytePieces } from "../../../../src/core/wire/byte-pieces.ts";

const BYTES = Buffer.from(Array.from({ length: 32 }, (_, index) => (index * 37) % 256));

function* cut<Whole extends { slice(from: number, to: number): Whole; length: number }>(
  whole: Whole,
  length: number,
): Generator<Whole> {
  for (let at = 0; at < whole.length; at += length) yield whole.slice(at, at + length);
}

describe("base64", () => {
  test("of bytes that come in pieces is that of all of them", () => {
    for (let size = 0; size <= BYTES.length; size++) {
      const bytes = BYTES.subarray(0, size);
      for (let length = 1; length <= 7; length++) {
        expect([...base64Of(cut(bytes, length))].join("")).toBe(bytes.toString("base64"));
      }
    }
  });

  test("is made as the bytes come, as far as three of them make four characters", () => {
    const [first, second] = [Buffer.from("abcd"), Buffer.from("efg")];
    expect([...base64Of([first, second])]).toEqual(["YWJj", "ZGVm", "Zw=="]);
    expect([...bytesOf(["YWJjZ", "GVmZw=="])].map(String)).toEqual(["abc", "defg", ""]);
  });

  test("that is cut anywhere is the bytes that it was made of", () => {
    for (let size = 0; size <= BYTES.length; size++) {
      const bytes = BYTES.subarray(0, size);
      for (let length = 1; length <= 9; length++) {
        const read = Buffer.concat([...bytesOf(cut(bytes.toString("base64"), length))]);
        expect(read.toString("hex")).toBe(bytes.toString("hex"));
      }
    }
  });
});

describe("pieces that are kept", () => {
  test("are joined when somebody looks at them", () => {
    const pieces = new BytePieces();
    expect([pieces.length, pieces.joined().length]).toEqual([0, 0]);
    for (const piece of ["a", "bc", "d"]) pieces.add(Buffer.from(piece));
    expect(pieces.length).toBe(4);
    const joined = pieces.joined();
    expect(joined.toString()).toBe("abcd");
    expect(pieces.joined()).toBe(joined);
    pieces.add(Buffer.from("e"));
    expect(pieces.joined().toString()).toBe("abcde");
    expect(pieces.length).toBe(5);
  });

  test("are not copied where there is one", () => {
    const pieces = new BytePieces();
    const piece = Buffer.from("abc");
    pieces.add(piece);
    expect(pieces.joined()).toBe(piece);
    expect(pieces.joined()).toBe(piece);
  });

  test("are let go but for what is to be kept", () => {
    const pieces = new BytePieces();
    pieces.add(Buffer.from("abc"));
    pieces.keep(pieces.joined().subarray(2));
    pieces.add(Buffer.from("d"));
    expect([pieces.length, pieces.joined().toString()]).toEqual([2, "cd"]);
    pieces.keep(Buffer.alloc(0));
    const next = Buffer.from("e");
    pieces.add(next);
    expect(pieces.length).toBe(1);
    // Nothing is left of what was let go.
    expect(pieces.joined()).toBe(next);
  });

  test("T69 thousands of them are one, of their length", () => {
    const pieces = new BytePieces();
    for (let count = 0; count < 3000; count++) pieces.add(Buffer.from([count & 255]));
    expect(pieces.length).toBe(3000);
    expect(pieces.joined()).toEqual(Buffer.from(Array.from({ length: 3000 }, (_, at) => at & 255)));
  });

  test("T69 each is kept as it came, up to 1024 of them: more are a copy", () => {
    const lasts = [1024, 1025].map((count) => {
      const pieces = new BytePieces();
      const piece = Buffer.from("a");
      for (let added = 0; added < count; added++) pieces.add(piece);
      piece.write("b");
      return pieces.joined().toString("latin1", count - 1);
    });
    expect(lasts).toEqual(["b", "a"]);
  });
});
