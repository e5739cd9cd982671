import { describe, expect, test } from "bun:test";
import {
  formatHttpRequest,
  formatHttpResponse,
  HttpMessageReader,
  readHeaders,
} from "../../../../src/core/wire/http-message.ts";

function readerOf(bytes: Buffer, maxBody = 100): HttpMessageReader {
  const reader = new HttpMessageReader(maxBody);
  reader.take(bytes);
  return reader;
}

const take = (text: string, maxBody = 100) => readerOf(Buffer.from(text, "latin1"), maxBody).next();

function refusal(text: string, maxBody?: number): unknown {
  try {
    return take(text, maxBody);
  } catch (thrown) {
    return thrown;
  }
}

const REQUEST =
  "POST /pair HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

test("a request as 0.8 sends it", () => {
  expect(take(REQUEST)).toEqual({ startLine: "POST /pair HTTP/1.0", body: "{}" });
});

test("cut anywhere it asks for more, and takes nothing", () => {
  for (let length = 0; length < REQUEST.length; length++) {
    expect(take(REQUEST.slice(0, length)), `${length} bytes`).toBeUndefined();
  }
});

test("two responses in one buffer are taken one by one", () => {
  const first = formatHttpResponse('{"status":"pending"}');
  const second = formatHttpResponse('{"status":"approved"}');
  const reader = readerOf(Buffer.from(first + second));
  expect(reader.next()?.body).toBe('{"status":"pending"}');
  expect(reader.next()?.body).toBe('{"status":"approved"}');
  expect(reader.next()).toBeUndefined();
});

test("T61 64 KiB that come byte by byte are looked at once", () => {
  const head = `POST /pair HTTP/1.0\r\n${"a:\r\n".repeat(2000)}Content-Length: 57000\r\n\r\n`;
  const whole = Buffer.from(head + "x".repeat(57_000));
  const reader = new HttpMessageReader(65_536);
  const start = process.cpuUsage();
  for (let at = 0; at < whole.length; at += 1) {
    expect(reader.next()).toBeUndefined();
    reader.take(whole.subarray(at, at + 1));
  }
  expect(reader.next()?.body).toHaveLength(57_000);
  const { user, system } = process.cpuUsage(start);
  // Some 100 ms; 19 s when each byte had the head read and all before it copied again.
  expect((user + system) / 1000).toBeLessThan(4000);
});

describe("what is written is read back", () => {
  const json = JSON.stringify({ hostname: "web-01", note: "Zoë 日本" });
  test("a request", () => {
    const bytes = Buffer.from(formatHttpRequest("/pair", "ctl:7444", json));
    expect(readerOf(bytes).next()).toEqual({
      startLine: "POST /pair HTTP/1.0",
      body: json,
    });
    expect(bytes.toString()).toContain("\r\nHost: ctl:7444\r\n");
  });
  test("a response", () => {
    const bytes = Buffer.from(formatHttpResponse(json));
    expect(readerOf(bytes).next()).toEqual({
      startLine: "HTTP/1.0 200 OK",
      body: json,
    });
  });
});

test.each([
  ["HTTP/1.1 and any case", "POST /pair HTTP/1.1\r\nCONTENT-length:2\r\n\r\n{}", "{}"],
  ["no length is not a body", "GET / HTTP/1.0\r\nHost: x\r\n\r\n", ""],
  ["a status without words", "HTTP/1.1 200\r\nContent-Length: 1 \r\n\r\nx", "x"],
])("%s", (_, text, body) => {
  expect(take(text)?.body).toBe(body);
});

test("a value is what stands between the blanks around it, and whatever else is in it", () => {
  const lines = ["A: \t b\t c \t", "B:", "C: \t ", "D:\xa0d\xa0"];
  expect(readHeaders(lines)).toEqual([
    { name: "a", value: "b\t c" },
    { name: "b", value: "" },
    { name: "c", value: "" },
    { name: "d", value: "\xa0d\xa0" },
  ]);
});

// A pattern that tries every way of dividing the blanks is at it for longer than all tests may take.
test("T19 a header of blanks is refused, and not looked at for ever", () => {
  for (const around of [
    ["", ""],
    ["a", ""],
    ["", "a"],
    ["a", "a"],
  ]) {
    const text = `GET / HTTP/1.0\r\nX:${around.join(" ".repeat(8000))}\0\r\n\r\n`;
    expect(refusal(text)).toMatchObject({ code: "protocol" });
  }
});

describe("T04 what is not one plain message is refused before its body is looked at", () => {
  test.each([
    ["an unknown protocol", "SSH-2.0-x\r\n\r\n"],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["HTTP/0.9", "GET /\r\n\r\n"],
    ["a lower-case method", "post /pair HTTP/1.0\r\n\r\n"],
    ["a space in the path", "POST /a b HTTP/1.0\r\n\r\n"],
    ["no start line", "\r\n\r\n"],
    ["two lengths", `${REQUEST.replace("\r\n\r\n", "\r\nContent-Length: 2\r\n\r\n")}`],
    ["chunks", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    [
      "chunks and a length",
      "POST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    ["a length that is not a number", "POST / HTTP/1.0\r\nContent-Length: two\r\n\r\n{}"],
    ["a signed length", "POST / HTTP/1.0\r\nContent-Length: +2\r\n\r\n{}"],
    ["a hexadecimal length", "POST / HTTP/1.0\r\nContent-Length: 0x2\r\n\r\n{}"],
    ["an empty length", "POST / HTTP/1.0\r\nContent-Length:\r\n\r\n{}"],
    ["a list of lengths", "POST / HTTP/1.0\r\nContent-Length: 2, 2\r\n\r\n{}"],
    ["a space before the colon", "POST / HTTP/1.0\r\nContent-Length : 2\r\n\r\n{}"],
    ["a continued header", "POST / HTTP/1.0\r\nA: b\r\n Content-Length: 2\r\n\r\n{}"],
    ["a header without a colon", "POST / HTTP/1.0\r\nnonsense\r\n\r\n"],
    ["a bare newline in a header", "POST / HTTP/1.0\r\nA: b\nContent-Length: 2\r\n\r\n{}"],
  ])("%s", (_, text) => {
    expect(refusal(text)).toMatchObject({ name: "CtrlExecError", code: "protocol" });
  });
});

describe("T29 nothing is kept beyond its bound", () => {
  test("a head without an end", () => {
    expect(take(`POST / HTTP/1.0\r\nA: ${"a".repeat(8000)}`)).toBeUndefined();
    expect(refusal(`POST / HTTP/1.0\r\nA: ${"a".repeat(9000)}`)).toMatchObject({
      code: "protocol",
    });
  });
  test("a head of 8 KiB, and one that is a byte longer", () => {
    const headOf = (length: number) => "POST / HTTP/1.0\r\nA: ".padEnd(length, "a");
    for (const end of ["", "\r\n\r\n"]) {
      expect(refusal(`${headOf(8192)}${end}`)).not.toBeInstanceOf(Error);
      expect(refusal(`${headOf(8193)}${end}`)).toMatchObject({ message: "HTTP head too long" });
    }
  });
  test("a long head with an end", () => {
    expect(refusal(`POST / HTTP/1.0\r\nA: ${"a".repeat(9000)}\r\n\r\n`)).toMatchObject({
      code: "protocol",
    });
  });
  test("a body, by its length alone, before it has come", () => {
    expect(refusal("POST / HTTP/1.0\r\nContent-Length: 101\r\n\r\n", 100)).toMatchObject({
      code: "too-large",
    });
    expect(take("POST / HTTP/1.0\r\nContent-Length: 100\r\n\r\n", 100)).toBeUndefined();
  });
});
