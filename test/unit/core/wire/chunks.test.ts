import { describe, expect, test } from "bun:test";
import { ChunkReader, ChunkWriter, LAST_CHUNK } from "../../../../src/core/wire/chunks.ts";
import { chunkOf } from "../../../support/chunks.ts";

/** The content, and whether the body is complete. */
function read(bytes: Buffer, size = Math.max(1, bytes.length)) {
  const reader = new ChunkReader();
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    pieces.push(...reader.take(bytes.subarray(at, at + size)));
  }
  return { content: Buffer.concat(pieces).toString("latin1"), ended: reader.ended };
}

const text = (words: string) => Buffer.from(words, "latin1");

describe("what becomes chunks is the same afterwards, however the bytes are cut", () => {
  const content = [text("one"), text("\r\n0\r\n\r\n"), text("x".repeat(300))];
  const body = Buffer.concat([...content.map((piece) => chunkOf([piece])), LAST_CHUNK]);

  test.each([1, 2, 5, 7, 1000])("in pieces of %d", (size) => {
    expect(read(body, size)).toEqual({
      content: Buffer.concat(content).toString("latin1"),
      ended: true,
    });
  });

  test("several pieces are one chunk", () => {
    expect(chunkOf(content).toString("latin1")).toStartWith("136\r\none\r\n0\r\n");
  });

  test("a chunk without content cannot be made: it would be the last one", () => {
    expect(() => chunkOf([])).toThrow(RangeError);
    expect(() => chunkOf([text("")])).toThrow(RangeError);
  });
});

test.each([
  ["upper and lower case digits", "0A\r\n0123456789\r\n00b\r\n0123456789a\r\n000\r\n\r\n"],
  ["no content at all", "0\r\n\r\n"],
])("%s are chunks", (_, body) => {
  expect(read(text(body)).ended).toBe(true);
});

test.each(["", "1", "1\r\n", "1\r\nx", "1\r\nx\r\n", "0\r\n", "0\r\n\r"])(
  "%j is not complete",
  (body) => {
    expect(read(text(body)).ended).toBe(false);
  },
);

test("the content is passed on as it comes, and not copied", () => {
  const reader = new ChunkReader();
  const piece = text("ffffffff\r\nabc");
  const [content] = reader.take(piece);
  expect(content?.toString()).toBe("abc");
  expect(content?.buffer).toBe(piece.buffer);
});

describe("T61 anything else is refused at its first wrong byte", () => {
  test.each([
    ["no size", "\r", "without a size"],
    ["a size that is not a number", "g", "not a number"],
    ["a sign", "-", "not a number"],
    ["a blank before the size", " ", "not a number"],
    ["a blank after it", "1 ", "not a number"],
    ["an extension", "1;", "not a number"],
    ["a prefix", "0x", "not a number"],
    ["a size without end", "0".repeat(9), "too long"],
    ["a line that ends with LF alone", "1\n", "not a number"],
    ["CR alone", "1\rx", "line"],
    ["more than the size says", "1\r\nxy", "line"],
    ["CR alone after the content", "1\r\nx\rx", "line"],
    ["a trailer", "0\r\nA", "trailers"],
    ["an end that is cut", "0\r\n\rx", "line"],
    ["bytes after the end", "0\r\n\r\nH", "after the last one"],
  ])("%s", (_, body, problem) => {
    for (const size of [1, body.length]) {
      expect(() => read(text(body), size)).toThrow(
        expect.objectContaining({ code: "protocol", message: expect.stringContaining(problem) }),
      );
    }
    expect(() => read(text(body.slice(0, -1)), 1)).not.toThrow();
  });
});

test("a writer makes every chunk in the same buffer, which grows with the longest", () => {
  const writer = new ChunkWriter();
  const first = writer.chunkOf([text("x".repeat(100))]);
  const second = writer.chunkOf([text("ab"), text("c")]);
  expect(second.toString()).toBe("3\r\nabc\r\n");
  expect(second.buffer).toBe(first.buffer);
  expect(writer.chunkOf([text("y".repeat(1000))]).toString()).toBe(
    `3e8\r\n${"y".repeat(1000)}\r\n`,
  );
});
