import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RequestReader } from "../../../../src/core/wire/http-request.ts";

/** All that the reader makes of the pieces, with bodies as text; it stops at a refusal. */
function readAll(pieces: readonly (string | Uint8Array)[]) {
  const reader = new RequestReader();
  const all: Record<string, unknown>[] = [];
  for (const piece of pieces) {
    reader.take(Buffer.from(typeof piece === "string" ? Buffer.from(piece, "latin1") : piece));
    for (;;) {
      const read = reader.next();
      if (read === undefined) break;
      all.push({
        ...read,
        ...(read.kind === "request" ? { body: read.body.toString("latin1") } : {}),
      });
      if (read.kind === "refused") return all;
    }
  }
  return all;
}

const PING = "POST /ping HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}";
const LIST = "GET /capabilities HTTP/1.0\r\n\r\n";
const ping = { kind: "request", method: "POST", target: "/ping", body: "{}", keep: true };
const list = { kind: "request", method: "GET", target: "/capabilities", body: "", keep: false };

test("requests come out whole and in order, however they are cut", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(PING.length + LIST.length)), (cuts) => {
      const text = LIST + PING + PING;
      const points = [0, ...cuts.sort((a, b) => a - b), text.length];
      const pieces = points.slice(1).map((end, index) => text.slice(points[index], end));
      expect(readAll(pieces)).toEqual([list, ping, ping]);
    }),
    { numRuns: 500 },
  );
});

test("whether the peer may ask again is what it says", () => {
  const keep = (line: string, ...headers: string[]) =>
    readAll([[line, ...headers, "", ""].join("\r\n")])[0]?.keep;
  expect(keep("GET / HTTP/1.1")).toBe(true);
  expect(keep("GET / HTTP/1.1", "Connection: close")).toBe(false);
  expect(keep("GET / HTTP/1.1", "CONNECTION:CLOSE")).toBe(false);
  // A list of options, as the clients of Perl's LWP send it (RFC 9110 section 7.6.1).
  expect(keep("GET / HTTP/1.1", "TE: deflate", "Connection: TE, close")).toBe(false);
  expect(keep("GET / HTTP/1.1", "Connection: x-close")).toBe(true);
  expect(keep("GET / HTTP/1.0")).toBe(false);
  expect(keep("GET / HTTP/1.0", "Connection: keep-alive")).toBe(false);
});

test("a peer that waits with its body is told to go on once, and only when the body is not there", () => {
  const head = "POST /run HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  const kinds = (...pieces: string[]) => readAll(pieces).map(({ kind }) => kind);
  expect(kinds(head, "{", "}")).toEqual(["waiting", "request"]);
  expect(kinds(`${head}{}`)).toEqual(["request"]);
  expect(kinds(head, "{}", head, "{}")).toEqual(["waiting", "request", "waiting", "request"]);
  // HTTP/1.0 does not know it.
  expect(kinds(head.replace("1.1", "1.0"), "{}")).toEqual(["request"]);
});

describe("refused, with nothing read behind it", () => {
  const lines = (...all: string[]) => [...all, "", ""].join("\r\n");
  test.each([
    ["no request line", "\r\n\r\n", 400],
    ["a TLS hello", Buffer.from("1603010200", "hex"), 400],
    ["lower case", lines("get / HTTP/1.1"), 400],
    ["LF alone, before anything else has come", "GET / HTTP/1.1\n", 400],
    ["CR alone", "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n", 400],
    ["another version", lines("GET / HTTP/2.0"), 400],
    ["a target that is not ASCII", lines("GET /\u00e4 HTTP/1.1"), 400],
    ["no target", lines("GET  HTTP/1.1"), 400],
    ["a NUL in a header", lines("GET / HTTP/1.1", "X: a\0"), 400],
    ["a folded header", lines("GET / HTTP/1.1", "X: a", " b"), 400],
    ["two names of the host", lines("GET / HTTP/1.1", "Host: a", "host: a"), 400],
    ["two lengths", lines("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 1"), 400],
    ["a length with a sign", lines("POST / HTTP/1.1", "Content-Length: +1"), 400],
    ["two lengths in one", lines("POST / HTTP/1.1", "Content-Length: 1, 1"), 400],
    ["chunks", lines("POST / HTTP/1.1", "Transfer-Encoding: chunked"), 411],
    [
      "chunks in disguise",
      lines("POST / HTTP/1.1", "transfer-ENCODING: x", "Content-Length: 1"),
      411,
    ],
    ["a long body", lines("POST / HTTP/1.1", "Content-Length: 1048577"), 413],
    ["many headers", lines("GET / HTTP/1.1", ...Array(33).fill("X: y")), 431],
    ["a long head", `GET / HTTP/1.1\r\nX: ${"x".repeat(16_384)}`, 431],
  ])("%s", (_, bytes, status) => {
    expect(readAll([bytes, PING])).toEqual([
      { kind: "refused", status, error: expect.any(String) },
    ]);
  });
});

test("whatever bytes come, it asks for more, refuses, or gives what was announced", () => {
  const part = fc.oneof(
    fc.constantFrom(
      "POST /run HTTP/1.1",
      "\r\n",
      "\r\n\r\n",
      "Content-Length: ",
      "3",
      "0",
      ": ",
      "X",
    ),
    fc.constantFrom(
      "Expect: 100-continue",
      "Transfer-Encoding: chunked",
      "Connection: close",
      "\n",
    ),
    fc.string({ unit: "binary", maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      for (const read of readAll(parts)) {
        if (read.kind === "request") expect(String(read.method)).toMatch(/^[A-Z]+$/);
      }
    }),
    { numRuns: 3000 },
  );
});

test("it is known whether part of a request has come, and how much of it is not taken yet", () => {
  const reader = new RequestReader();
  const state = () => [reader.begun, reader.unread];
  expect(state()).toEqual([false, 0]);
  reader.take(Buffer.from(PING.slice(0, 10)));
  expect([reader.next(), ...state()]).toEqual([undefined, true, 10]);
  reader.take(Buffer.from(PING.slice(10, -1)));
  expect([reader.next(), ...state()]).toEqual([undefined, true, 1]);
  reader.take(Buffer.from("}G"));
  expect([reader.next()?.kind, ...state()]).toEqual(["request", true, 1]);
  reader.take(Buffer.from("ET / HTTP/1.0\r\n\r\n"));
  expect([reader.next()?.kind, ...state()]).toEqual(["request", false, 0]);
});

describe("taken, up to the limit", () => {
  const kindOf = (bytes: string) => readAll([bytes]).map(({ kind, error }) => error ?? kind)[0];
  const line = "GET / HTTP/1.1\r\n";

  test("of the headers", () => {
    const withHeaders = (count: number) => `${line}${"X: y\r\n".repeat(count)}\r\n`;
    expect(kindOf(withHeaders(32))).toBe("request");
    expect(kindOf(withHeaders(33))).toBe("too many headers");
  });

  test("of the head, whether its end has come or not", () => {
    const headOf = (length: number) => `${line}X: ${"x".repeat(length - line.length - 3)}`;
    expect(kindOf(`${headOf(16_384)}\r\n\r\n`)).toBe("request");
    expect(kindOf(headOf(16_384))).toBeUndefined();
    expect(kindOf(`${headOf(16_385)}\r\n\r\n`)).toBe("too many headers");
    expect(kindOf(headOf(16_385))).toBe("too many headers");
  });

  test("of the body", () => {
    const withBody = (length: number) =>
      `POST / HTTP/1.1\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(length)}`;
    expect(kindOf(withBody(1_048_576))).toBe("request");
    expect(kindOf(withBody(1_048_577))).toBe("request too large");
  });
});

test.each([
  ["GET / HTTP/2.0\r\n\r\n", "bad request"],
  ["POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "a body needs a Content-Length"],
])("%j: %s", (bytes, error) => {
  expect(readAll([bytes])).toEqual([expect.objectContaining({ kind: "refused", error })]);
});
