import { describe, expect, test } from "bun:test";
import { parseResponseHead, ResponseReader } from "../../../../src/core/wire/http-response.ts";

describe("a head", () => {
  test.each([
    ["HTTP/1.0 200 OK", { status: 200, bodyLength: undefined, keepSeconds: 0 }],
    ["HTTP/1.1 403 Forbidden\r\nContent-Length: 7", { status: 403, bodyLength: 7, keepSeconds: 0 }],
    ["HTTP/1.1 204", { status: 204, bodyLength: undefined, keepSeconds: 0 }],
    [
      "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0",
      { status: 200, bodyLength: 0, keepSeconds: 5 },
    ],
    [
      "HTTP/1.0 200 OK\r\nKeep-Alive: timeout=5",
      { status: 200, bodyLength: undefined, keepSeconds: 0 },
    ],
    [
      "HTTP/1.1 200 OK\r\nconnection: Close\r\nkeep-alive: timeout=5",
      { status: 200, bodyLength: undefined, keepSeconds: 0 },
    ],
    [
      "HTTP/1.1 200 OK\r\nConnection: TE, close\r\nkeep-alive: timeout=5",
      { status: 200, bodyLength: undefined, keepSeconds: 0 },
    ],
  ])("%j", (text, head) => {
    expect(parseResponseHead(text)).toEqual(head);
  });

  test("T68 it says what the peer's clock says, when it does in the one form of today", () => {
    const dateOf = (line: string) => parseResponseHead(`HTTP/1.1 200 OK\r\n${line}`).date;
    const told = new Date("1994-11-06T08:49:37Z");
    expect(dateOf("Date: Sun, 06 Nov 1994 08:49:37 GMT")).toEqual(told);
    for (const line of [
      "Server: 0.8",
      "Date: Sunday, 06-Nov-94 08:49:37 GMT",
      "Date: Sun Nov  6 08:49:37 1994",
      "Date: Sun, 31 Feb 1994 08:49:37 GMT",
      "Date: Sun, 06 Nov 1994 08:49:37 GMT+1",
      `Date: ${"9".repeat(4000)}`,
    ]) {
      expect([line, dateOf(line)]).toEqual([line, undefined]);
    }
  });

  test.each([
    "",
    "200 OK",
    "HTTP/2 200",
    "HTTP/1.1 99 Low",
    "HTTP/1.1 100 Continue",
    "HTTP/1.1 2000 High",
    "HTTP/1.1 200 OK\r\nno colon",
    "HTTP/1.1 200 OK\r\n folded: line",
    "HTTP/1.1 200 OK\r\nContent-Length: -1",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
  ])("%j is none", (text) => {
    expect(() => parseResponseHead(text)).toThrow(expect.objectContaining({ code: "protocol" }));
  });
});

describe("a response", () => {
  const WHOLE = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a":1}\n', "utf8");

  test("is the same wherever it is cut", () => {
    for (let cut = 1; cut < WHOLE.length; cut++) {
      const reader = new ResponseReader(100);
      expect(reader.take(WHOLE.subarray(0, cut))).toBe(false);
      expect(reader.take(WHOLE.subarray(cut))).toBe(true);
      expect(reader.response()).toEqual({ status: 200, json: { a: 1 }, keepSeconds: 0 });
    }
  });

  test.each(["SSH-2.0-x", "x", "HTTP/2", "<html>"])("%j is none, and refused at once", (text) => {
    expect(() => new ResponseReader(100).take(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: "protocol" }),
    );
  });

  test("that the end cuts off is not complete", () => {
    for (let cut = 0; cut < WHOLE.length; cut++) {
      const reader = new ResponseReader(100);
      reader.take(WHOLE.subarray(0, cut));
      expect(reader.end()).toBe(false);
    }
  });
});
