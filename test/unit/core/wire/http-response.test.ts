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

describe("a response that", () => {
  const chunk = (text: string) => Buffer.from(text);
  const headOf = (...lines: string[]) => ["HTTP/1.1 200 OK", ...lines, "", ""].join("\r\n");
  const tooLarge = expect.objectContaining({ code: "too-large" });

  test("has no length ends with its connection", () => {
    const reader = new ResponseReader(100);
    expect(reader.status).toBeUndefined();
    expect(reader.take(chunk(`${headOf("Keep-Alive: timeout=5")}{"a":`))).toBe(false);
    expect(reader.status).toBe(200);
    expect(reader.take(chunk("1}"))).toBe(false);
    expect(reader.end()).toBe(true);
    expect(reader.response()).toMatchObject({ status: 200, json: { a: 1 }, keepSeconds: 5 });
  });

  test("is followed by bytes that belong to no request is the last of its connection", () => {
    const reader = new ResponseReader(100);
    const head = headOf("Content-Length: 2", "Keep-Alive: timeout=5");
    expect(reader.take(chunk(`${head}{}`))).toBe(true);
    expect(reader.response()).toMatchObject({ json: {}, keepSeconds: 5 });
    expect(reader.take(chunk("x"))).toBe(true);
    expect(reader.response()).toMatchObject({ json: {}, keepSeconds: 0 });
  });

  test("T29 is longer than it may be is refused, with its head if that says so", () => {
    const fits = new ResponseReader(10);
    expect(fits.take(chunk(`${headOf("Content-Length: 10")}{"a": 123}`))).toBe(true);
    const announced = () => new ResponseReader(10).take(chunk(headOf("Content-Length: 11")));
    expect(announced).toThrow(tooLarge);
    expect(announced).toThrow("is larger than 10 bytes");
    const unknown = new ResponseReader(10);
    unknown.take(chunk(`${headOf()}{"a": 123}`));
    expect(() => unknown.take(chunk(" "))).toThrow(tooLarge);
    expect(() => new ResponseReader(100, 5).take(chunk(`${headOf()}[1,2,3]`))).toThrow(tooLarge);
  });

  test("cannot become JSON is refused before it ends", () => {
    const text = `"${"x".repeat(70_000)}\\x`;
    const reader = new ResponseReader(2 ** 22);
    reader.take(chunk(headOf()));
    expect(() => {
      for (let n = 0; n < 20; n++) reader.take(chunk(text.padEnd(100_000, "x")));
    }).toThrow("answered with something that is not JSON");
  });

  test("is not JSON in the end has none", () => {
    const reader = new ResponseReader(100);
    reader.take(chunk(`${headOf("Content-Length: 5")}hello`));
    expect(reader.response().json).toBeUndefined();
  });

  test("has not begun is none", () => {
    const reader = new ResponseReader(100);
    expect(reader.end()).toBe(false);
    expect(() => reader.response()).toThrow("answered with something that is not HTTP");
  });

  test("T61 has a head of 16 KiB is one, and with a byte more is none, ended or not", () => {
    const headOfLength = (length: number) => `HTTP/1.1 200 OK\r\nX: ${"x".repeat(length - 20)}`;
    const taken = (text: string) => new ResponseReader(100).take(chunk(text));
    expect(taken(headOfLength(16_384))).toBe(false);
    expect(taken(`${headOfLength(16_384)}\r\n\r\n`)).toBe(false);
    for (const end of ["", "\r\n\r\n"]) {
      expect(() => taken(`${headOfLength(16_385)}${end}`)).toThrow("that is not HTTP");
    }
  });

  test("T29 is under way takes as much memory as has come of it", () => {
    const reader = new ResponseReader(2 ** 20);
    const head = headOf();
    reader.take(chunk(head.slice(0, 7)));
    expect(reader.held).toBe(7);
    reader.take(chunk(head.slice(7)));
    reader.take(chunk('{"a":1'));
    expect(reader.held).toBe(head.length + 6);
  });
});

describe("the stream of a run", () => {
  const TYPE = "application/vnd.ctrl-exec.frames";
  const CHUNKED = ["Transfer-Encoding: chunked", `Content-Type: ${TYPE}`];
  const headOf = (first: string, ...lines: string[]) => [first, ...lines].join("\r\n");
  const OK = "HTTP/1.1 200 OK";

  test("is one where it was asked for, whatever the case of its words", () => {
    expect(parseResponseHead(headOf(OK, ...CHUNKED), true)).toMatchObject({
      isStream: true,
      bodyLength: undefined,
    });
    const upper = ["TRANSFER-ENCODING: Chunked", `content-type: ${TYPE.toUpperCase()}`];
    expect(parseResponseHead(headOf(OK, ...upper), true).isStream).toBe(true);
  });

  test.each<[string, string[], boolean]>([
    ["where it was not asked for", [OK, ...CHUNKED], false],
    ["from HTTP/1.0", ["HTTP/1.0 200 OK", ...CHUNKED], true],
    ["with another status", ["HTTP/1.1 404 Not Found", ...CHUNKED], true],
    ["with a length too", [OK, ...CHUNKED, "Content-Length: 1"], true],
    ["of another type", [OK, "Transfer-Encoding: chunked", "Content-Type: text/plain"], true],
    ["in another coding", [OK, "Transfer-Encoding: gzip", `Content-Type: ${TYPE}`], true],
  ])("is none %s: chunks are refused", (_, [first = "", ...lines], asked) => {
    expect(() => parseResponseHead(headOf(first, ...lines), asked)).toThrow(
      "answered wrongly: HTTP message without one Content-Length",
    );
  });

  test("an answer that is not valid is like any other, although one was asked for", () => {
    const head = parseResponseHead(headOf(OK, "Content-Length: 2"), true);
    expect(head).toEqual({ status: 200, bodyLength: 2, keepSeconds: 0, date: undefined });
  });

  test("is read on by whoever asked for it, from its first bytes on", () => {
    const reader = new ResponseReader(100, 100, true);
    expect(reader.stream).toBeUndefined();
    const head = headOf(OK, ...CHUNKED, "Keep-Alive: timeout=7", "", "");
    expect(reader.take(Buffer.from(`${head}1\r\nx`))).toBe(false);
    expect(reader.stream?.toString()).toBe("1\r\nx");
    expect(reader.response()).toEqual({
      status: 200,
      json: undefined,
      keepSeconds: 7,
      date: undefined,
      streamed: true,
    });
  });
});
