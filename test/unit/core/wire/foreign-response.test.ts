/** The answers of servers that are not ours, however they cut them. */
import { describe, expect, test } from "bun:test";
import {
  ForeignResponseReader,
  MAX_FOREIGN_HEADS,
} from "../../../../src/core/wire/foreign-response.ts";

/** @returns the body, or "incomplete" */
function read(text: string, pieceLength: number, maxBody: number | undefined = 100) {
  const reader = new ForeignResponseReader(maxBody);
  const bytes = Buffer.from(text, "latin1");
  let complete = false;
  for (let at = 0; at < bytes.length && !complete; at += pieceLength) {
    complete = reader.take(bytes.subarray(at, at + pieceLength));
  }
  if (!complete && !reader.end()) return "incomplete";
  return `${reader.status} ${reader.body()}`;
}

const INTERIM = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";

describe.each([1, 7, 100_000])("in pieces of %d bytes", (length) => {
  test.each([
    ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", "200 body"],
    ["a length, cut", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", "incomplete"],
    ["nothing, and it closes", "HTTP/1.0 200 OK\r\n\r\nbody", "200 body"],
    [
      "chunks",
      "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n",
      "200 body",
    ],
    ["chunks, cut", "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n", "incomplete"],
    ["another status", "HTTP/1.1 404 No\r\nContent-Length: 999\r\n\r\nnot looked at", "404 "],
    ["a cut head", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", "incomplete"],
    [
      "interim answers first",
      `${INTERIM}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody`,
      "200 body",
    ],
  ])("%s", (_, text, outcome) => {
    expect(read(text, length)).toBe(outcome);
  });

  test.each([
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
    ["a switch of protocols", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody"],
    [
      "a length beside chunks",
      "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["another coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"],
  ])("%s is refused", (_, text) => {
    expect(() => read(text, length)).toThrow(/not HTTP|one Content-Length/);
  });

  test("what comes after the body is not part of it", () => {
    expect(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodymore", length)).toBe("200 body");
  });
});

test("a body that is too long is refused as soon as that is known", () => {
  expect(() => read("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\nx", 1000)).toThrow("longer");
  expect(() => read(`HTTP/1.1 200 OK\r\n\r\n${"x".repeat(101)}`, 1000)).toThrow("longer");
});

test("only the status, if nothing else matters", () => {
  expect(read("HTTP/1.1 503 no\r\nwhat ever\r\n\r\n", 1000, undefined)).toBe("503 ");
});

test("T35 heads without end are refused, interim ones together with the last", () => {
  const interim = INTERIM.repeat(Math.floor(MAX_FOREIGN_HEADS / INTERIM.length) - 2);
  const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const fill = (length: number) => `${interim.slice(0, -4)}\r\nX: ${"x".repeat(length)}\r\n\r\n`;
  const room = MAX_FOREIGN_HEADS - fill(0).length - answer.length;
  expect(read(fill(room) + answer, 5000)).toBe("200 ");
  expect(() => read(fill(room + 1) + answer, 5000)).toThrow("headers without end");
  expect(() => read("x".repeat(MAX_FOREIGN_HEADS), 5000)).toThrow("headers without end");
});
