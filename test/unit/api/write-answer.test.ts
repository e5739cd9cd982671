/** The bytes of an answer to what was no request. */
import { expect, test } from "bun:test";
import { rawAnswer } from "../../../src/api/write-answer.ts";

const REQUEST_ID = "0123456789abcdef";

function read(answer: string) {
  const [head = "", body = ""] = answer.split("\r\n\r\n", 2);
  const [first, ...lines] = head.split("\r\n");
  const headers = new Headers(lines.map((line) => line.split(": ", 2) as [string, string]));
  return { first, headers, body };
}

test.each([
  [400, "Bad Request", "bad request"],
  [405, "Method Not Allowed", "method not allowed"],
  [408, "Request Timeout", "request timeout"],
  [431, "Request Header Fields Too Large", "request header fields too large"],
  [503, "Service Unavailable", "busy"],
] as const)("%d is one whole answer, which ends the connection", (status, phrase, error) => {
  const { first, headers, body } = read(rawAnswer(status, REQUEST_ID));
  expect(first).toBe(`HTTP/1.1 ${status} ${phrase}`);
  expect(JSON.parse(body)).toMatchObject({ ok: false, error });
  expect(headers.get("connection")).toBe("close");
  expect(headers.get("content-type")).toBe("application/json");
  expect(headers.get("content-length")).toBe(String(Buffer.byteLength(body)));
  expect(headers.get("x-request-id")).toBe(REQUEST_ID);
});

test("405 names the methods that are allowed, as RFC 9110 section 15.5.6 wants; no other does", () => {
  const allow = (status: 400 | 405 | 503) =>
    read(rawAnswer(status, REQUEST_ID)).headers.get("allow");
  expect([allow(400), allow(405), allow(503)]).toEqual([null, "GET, HEAD, POST", null]);
});

test("503 says when to come again; no other does", () => {
  const again = (status: 400 | 405 | 503) =>
    read(rawAnswer(status, REQUEST_ID)).headers.get("retry-after");
  expect([again(400), again(405), again(503)]).toEqual([null, null, "1"]);
});
