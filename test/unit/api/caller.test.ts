/** Who asks, as a request's headers and its body say. */
import { expect, test } from "bun:test";
import type { IncomingMessage } from "node:http";
import { Refused } from "../../../src/api/answer.ts";
import { callerOf } from "../../../src/api/caller.ts";
import { status } from "../../../src/api/routes/status.ts";

const HOSTS = { names: [], bind: "127.0.0.1", tls: false };

type Headers = Readonly<Record<string, string>>;

function callerWith(headers: Headers, body: Readonly<Record<string, unknown>> = {}, hosts = HOSTS) {
  const rawHeaders = Object.entries(headers).flat();
  const request = { url: "/x", headers, rawHeaders } as unknown as IncomingMessage;
  return callerOf({ request, requestId: "r", peer: "192.0.2.1" }, status, body, hosts);
}

test("without a word there is no user and no token", () => {
  expect(callerWith({})).toEqual({
    face: "api",
    username: "",
    token: "",
    sourceIp: "192.0.2.1",
    route: "GET /status/{reqid}",
    requestId: "r",
    origin: undefined,
    foreignHost: undefined,
  });
});

test("a header wins over the body, which counts where there is none", () => {
  const body = { username: "alice", token: "of the body" };
  expect(callerWith({}, body)).toMatchObject(body);
  const headers = { "X-Ctrl-Exec-Username": "bob", Authorization: "Bearer abc" };
  expect(callerWith(headers, body)).toMatchObject({ username: "bob", token: "abc" });
  expect(callerWith({}, { username: null, token: null })).toMatchObject({
    username: "",
    token: "",
  });
});

test("the name of a page and a name that is not this API's are passed on", () => {
  const headers = { origin: "https://evil.example", host: "evil.example" };
  const { origin, foreignHost } = callerWith(headers);
  expect([origin, foreignHost]).toEqual(["https://evil.example", "evil.example"]);
  expect(callerWith(headers, {}, { ...HOSTS, tls: true }).foreignHost).toBeUndefined();
});

test("T21 a user's name has at most 8192 characters", () => {
  const named = (length: number) => callerWith({ "X-Ctrl-Exec-Username": "x".repeat(length) });
  expect(named(8192).username).toHaveLength(8192);
  let thrown: unknown;
  try {
    named(8193);
  } catch (refused) {
    thrown = refused;
  }
  expect(thrown).toBeInstanceOf(Refused);
  expect(thrown).toMatchObject({
    answer: {
      status: 400,
      body: { detail: "the header X-Ctrl-Exec-Username has more than 8192 characters" },
    },
  });
});
