import type { IncomingMessage as Message } from "node:http";
import { Refused } from "../../../src/api/answer.ts";
import { parseBody } from "../../../src/api/parse-body.ts";
import { bearerToken, pathOf } from "../../../src/api/request.ts";
import { matchPath, ROUTES } from "../../../src/api/routes.ts";
import { HttpMessageReader } from "../../../src/core/wire/http-message.ts";
import { RequestReader } from "../../../src/core/wire/http-request.ts";
import { ResponseReader } from "../../../src/core/wire/http-response.ts";
import { JsonReader } from "../../../src/core/wire/json-reader.ts";
import { readInPieces, waysOfCutting } from "../in-pieces.ts";
import { type Target, textTarget } from "../target.ts";

/** A refusal is an answer like any other. */
function refusedOrRead(read: () => unknown): void {
  try {
    read();
  } catch (thrown) {
    if (!(thrown instanceof Refused)) throw thrown;
  }
}

const HEAD_PIECES = [
  "POST /run HTTP/1.1\r\n",
  "HTTP/1.1 200 OK\r\n",
  "Content-Length: 2\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Connection: close, ",
  "Keep-Alive: timeout=5\r\n",
  "Expect: 100-continue\r\n",
  "Host: a\r\n",
  "X:",
  "\r\n\r\n",
  "{}",
  "5;a=b\r\n",
];
const JSON_PIECES = [
  '{"a":',
  '"',
  '",',
  "[",
  "]",
  "}",
  "{",
  ":",
  "1,",
  "1e9,",
  "\\u0041",
  "\\",
  "null,",
  '"a":1,',
  "-0.",
  "__proto__",
];

/** One byte at a time: a peer's pieces are as small as it likes (T61). */
function byteByByte(input: Buffer, take: (piece: Buffer) => boolean): void {
  for (let at = 0; at < input.length; at += 1) if (take(input.subarray(at, at + 1))) return;
}

const REQUEST = 'POST /run HTTP/1.1\r\nHost: a\r\nContent-Length: 15\r\n\r\n{"script":"say"}';
const PAIR = "POST /pair HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}POST /pair HTTP/1.0\r\n\r\n";
const RESPONSE = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 8\r\n\r\n{"a":1}\n';

const isBadRequest = (read: { kind: string } | undefined) =>
  read === undefined || read.kind === "refused";

export const HTTP: readonly Target[] = [
  {
    name: "request on the agent's port",
    seeds: [REQUEST, REQUEST + REQUEST, "GET /capabilities HTTP/1.0\r\n\r\n"],
    pieces: HEAD_PIECES,
    read: (input) =>
      readInPieces(input, (pieces) => {
        const reader = new RequestReader();
        const all: unknown[] = [];
        for (const piece of pieces) {
          reader.take(piece);
          for (let read = reader.next(); read !== undefined; read = reader.next()) {
            if (read.kind !== "waiting")
              all.push(read.kind === "request" ? read.body.length : "refused");
            if (isBadRequest(read)) return all;
          }
        }
        return all;
      }),
  },
  {
    name: "message on the pairing port",
    seeds: [PAIR, RESPONSE],
    pieces: HEAD_PIECES,
    read: (input) =>
      readInPieces(input, (pieces) => {
        const reader = new HttpMessageReader(65_536);
        const all: unknown[] = [];
        for (const piece of pieces) {
          reader.take(piece);
          for (let read = reader.next(); read !== undefined; read = reader.next())
            all.push(read.body);
        }
        return all.map(String);
      }),
  },
  {
    name: "message that comes byte by byte",
    seeds: [PAIR],
    pieces: HEAD_PIECES,
    read(input) {
      const messages = new HttpMessageReader(65_536);
      byteByByte(input, (piece) => {
        messages.take(piece);
        return messages.next() !== undefined;
      });
    },
  },
  {
    name: "answer of an agent",
    seeds: [RESPONSE, RESPONSE.replace("Content-Length: 8", "X: y")],
    pieces: [...HEAD_PIECES, ...JSON_PIECES],
    read: (input) =>
      readInPieces(input, (pieces) => {
        const reader = new ResponseReader(2 ** 20);
        for (const piece of pieces) if (reader.take(piece)) return reader.response().status;
        return reader.end() ? reader.response().status : "cut";
      }),
  },
  {
    name: "JSON in pieces",
    seeds: ['{"a":["b",1],"c":"\\u0041\\n"}', `["${"x".repeat(40_000)}"]`],
    pieces: JSON_PIECES,
    read(input) {
      for (const pieces of waysOfCutting(input)) {
        const reader = new JsonReader(65_536);
        for (const piece of pieces) reader.take(piece);
        reader.end();
      }
    },
  },
  textTarget(
    "path of an API request",
    ["/run", "http://a/status/0123456789abcdef?x=y"],
    ["http://", "/", "?", "#", "status/"],
    (text) => matchPath(pathOf(text)),
  ),
  textTarget(
    "Authorization of an API request",
    ["Bearer abc", "bearer  x "],
    ["Bearer ", " ", "x"],
    (text) => refusedOrRead(() => bearerToken({ rawHeaders: ["Authorization", text] } as Message)),
  ),
  ...ROUTES.filter(({ request }) => request !== undefined).map(
    (route): Target => ({
      name: `body of an API request, ${route.method} ${route.path}`,
      seeds: ['{"hosts":["web-01","[::1]:7443"],"script":"say","args":["a"],"token":null}'],
      pieces: [...JSON_PIECES, '"hosts":[', '"args":[', '"a",', '"web-01",', '"script":'],
      read(input) {
        const message = { headers: { "content-type": "application/json" } } as Message;
        refusedOrRead(() => parseBody(route, message, input, 500));
      },
    }),
  ),
];
