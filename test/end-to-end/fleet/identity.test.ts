/** T01: who reaches an agent's handlers. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:tls";
import { Authority, type HostCredential, minutesFromNow } from "../../support/authority.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { runOpenssl } from "../../support/openssl-peers.ts";

const DAY = 24 * 60;

let control: ControlHost;
let agent: TestAgent;
let authority: Authority;
let ran: string;

beforeAll(async () => {
  control = await ControlHost.create();
  ran = control.folder.join("ran");
  agent = await control.startAgent("web-01", { scripts: { mark: `touch ${ran}` } });
  authority = Authority.of(control);
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

const read = (...path: string[]) => readFileSync(control.folder.join(...path), "utf8");

function controllerCredential(): { cert: string; key: string } {
  return { cert: read("control", "ctrl-exec.crt"), key: read("control", "ctrl-exec.key") };
}

const request = (line: string, body = "{}") =>
  [
    line,
    "Host: web-01",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
const RUN = request(
  "POST /run HTTP/1.1",
  '{"script":"mark","args":[],"reqid":"00","username":"","token":""}',
);

/** Sends the bytes and returns the answer; whatever fails, fails as an answer that is empty. */
async function dial(credential: { cert?: string; key?: string }, bytes: string): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let answer = "";
  const { cert, key } = credential;
  const socket = connect({
    host: "127.0.0.1",
    port: agent.port,
    ca: read("control", "ca.crt"),
    checkServerIdentity: () => undefined,
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
  socket.on("secureConnect", () => socket.write(bytes));
  socket.on("data", (chunk) => {
    answer += chunk.toString();
  });
  socket.on("error", () => undefined);
  socket.on("close", () => resolve());
  await promise;
  return answer;
}

test("the controller's own certificate is served, so that what follows means something", async () => {
  const answer = await dial(controllerCredential(), RUN);
  expect(answer).toStartWith("HTTP/1.1 200");
  expect(existsSync(ran)).toBe(true);
});

describe("T01 never reaches a handler:", () => {
  const CLIENTS: [string, () => Promise<{ cert?: string; key?: string }>][] = [
    ["no certificate", async () => ({})],
    ["a self-signed one", async () => selfSigned()],
    [
      "one of another CA with the same names",
      async () => (await Authority.create()).issue("ctrl-exec"),
    ],
    ["an expired one", () => authority.issue("ctrl-exec", { now: minutesFromNow(-60 * DAY) })],
    ["one not yet valid", () => authority.issue("ctrl-exec", { now: minutesFromNow(2 * DAY) })],
  ];

  async function selfSigned(): Promise<{ cert: string; key: string }> {
    const key = control.folder.join("self.key");
    const cert = await runOpenssl([
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key],
      ...["-subj", "/CN=ctrl-exec", "-days", "30"],
    ]);
    return { cert, key: readFileSync(key, "utf8") };
  }

  test.each(CLIENTS)("%s", async (_, make) => {
    rmSync(ran, { force: true });
    const credential = await make();
    const dialled = await Promise.all([
      dial(credential, RUN),
      dial(credential, RUN),
      dial(controllerCredential(), request("POST /ping HTTP/1.1")),
    ]);
    expect(dialled.map((answer) => answer.slice(0, 12))).toEqual(["", "", "HTTP/1.1 200"]);
    expect(existsSync(ran)).toBe(false);
    await agent.serving.seen(/ACTION=tls-failure PEER=127\.0\.0\.1 REASON=\S/);
  });

  const OF_THE_CA: [string, () => Promise<HostCredential | { cert: string; key: string }>][] = [
    [
      "an agent's own certificate",
      async () => ({ cert: read("web-01", "agent.crt"), key: read("web-01", "agent.key") }),
    ],
    ["a second certificate for the controller's name", () => authority.issue("ctrl-exec")],
  ];
  test.each(OF_THE_CA)("%s", async (_, make) => {
    rmSync(ran, { force: true });
    const credential = await make();
    const answer = await dial(credential, RUN);
    expect(answer).toStartWith("HTTP/1.1 403");
    expect(answer).toEndWith('{"error":"serial mismatch","status":"forbidden"}');
    const list = await dial(credential, request("GET /capabilities HTTP/1.1", ""));
    expect(list).toEndWith('{"error":"forbidden"}');
    expect(existsSync(ran)).toBe(false);
    await agent.serving.seen(/ACTION=serial-reject PEER=127\.0\.0\.1 REQID=/);
  });
});
