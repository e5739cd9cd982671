/** One way to a peer, and one explanation of what failed, for everybody who dials. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { CtrlExecError } from "../../../../src/core/errors.ts";
import { ConnectionFailed } from "../../../../src/system/net/connection-failed.ts";
import { type DialOptions, dial, unreachable } from "../../../../src/system/net/dial.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { requestOver } from "../../../../src/system/net/http-client.ts";
import { Authority, type HostCredential } from "../../../support/authority.ts";

let client: HostCredential;
let agent: HostCredential;
let stranger: HostCredential;
const servers: Server[] = [];

beforeAll(async () => {
  const ca = await Authority.create();
  client = { ...(await ca.issue("ctrl-exec")), ca: ca.ca.pem };
  agent = { ...(await ca.issue("web-01")), ca: ca.ca.pem };
  stranger = await (await Authority.create()).issue("web-01");
});

afterAll(() => {
  for (const server of servers) server.close();
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function tcpServer(talk: (socket: Socket) => void): Promise<number> {
  return listening(
    createTcpServer((socket) => {
      socket.on("error", () => undefined);
      talk(socket);
    }),
  );
}

function tlsServer({ cert, key }: HostCredential, talk: (socket: Socket) => void): Promise<number> {
  return listening(
    createTlsServer({ cert, key }, (socket) => {
      socket.on("error", () => undefined);
      talk(socket);
    }).on("tlsClientError", () => undefined),
  );
}

function ask(port: number, more: Partial<DialOptions> = {}): Promise<unknown> {
  return dial({ host: "127.0.0.1", port, credential: client, timeoutMs: 10_000, ...more }).then(
    ({ connection }) => {
      const request = { method: "GET", path: "/", host: "here", maxBytes: 1000 } as const;
      return requestOver(connection, { ...request, body: undefined, keepAlive: false });
    },
  );
}

async function words(work: Promise<unknown>, attempt?: string): Promise<[string, string]> {
  const thrown: unknown = await work.catch((problem: unknown) => problem);
  expect(thrown).toBeInstanceOf(ConnectionFailed);
  const problem = unreachable(thrown, {
    ...{ listener: "agent", address: "web-01:7443" },
    ...(attempt === undefined ? {} : { attempt }),
  });
  if (!(problem instanceof CtrlExecError)) throw problem;
  expect(problem).toMatchObject({ code: "unreachable", cause: thrown });
  return [problem.message, problem.hint ?? ""];
}

const steps: readonly (readonly [string, () => Promise<unknown>, string, string])[] = [
  ["nobody listens", () => ask(freePort()), "connection refused by web-01:7443", "runs there"],
  [
    "no such name",
    () => ask(1, { host: "no-such-host.invalid" }),
    "cannot resolve the name of web-01:7443",
    "name",
  ],
  ["no zone", () => ask(1, { host: "fe80::1" }), "a link-local address is on every", "Name it"],
  [
    "silent before TLS",
    async () => ask(await tcpServer(() => undefined), { timeoutMs: 200 }),
    "web-01:7443 accepts the connection and then says nothing",
    "belongs to the agent",
  ],
  [
    "hangs up before TLS",
    async () => ask(await tcpServer((socket) => socket.destroy())),
    "closed the connection before TLS",
    "allowed_ips",
  ],
  [
    "speaks plain HTTP",
    async () => ask(await tcpServer((socket) => socket.end("HTTP/1.1 400 No\r\n\r\n"))),
    "that is not an agent answers without TLS",
    "Check the port",
  ],
  [
    "another CA's",
    async () => ask(await tlsServer(stranger, () => undefined)),
    "shows a certificate that is not of this CA",
    "another control host",
  ],
  [
    "hangs up after TLS",
    async () =>
      ask(await tlsServer(agent, (socket) => void socket.once("data", () => socket.destroy()))),
    "closed the connection before it answered",
    "may have been carried out all the same",
  ],
];

test.each(steps)("%s: the reason in words, and the next step", async (_, work, reason, step) => {
  const [message, hint] = await words(work());
  expect(message).toContain(reason);
  expect(hint).toContain(step);
});

test("what cannot be done is said first", async () => {
  const [message] = await words(ask(freePort()), "Cannot self-ping");
  expect(message).toStartWith("Cannot self-ping: connection refused by web-01:7443");
});

test("the caller may know a better next step, for a code", () => {
  const hints = (code: string) =>
    unreachable(new ConnectionFailed(code), {
      listener: "agent",
      address: "web-01:7443",
      hintFor: (failed) => (failed === "EPIPE" ? "Start it." : undefined),
    });
  expect(hints("EPIPE")).toMatchObject({ hint: "Start it." });
  expect(hints("ECONNRESET")).toMatchObject({ hint: expect.stringContaining("ACTION=hang-up") });
});

test("what is not of the connection stays as it is", () => {
  const thrown = new CtrlExecError("config", "Cannot call 127.1");
  expect(unreachable(thrown, { listener: "agent", address: "web-01:7443" })).toBe(thrown);
});

test("the handshake waits for who is told of the connection", async () => {
  const accepted = Promise.withResolvers<void>();
  let hasBegun = false;
  const port = await tcpServer((socket) => {
    accepted.resolve();
    socket.once("data", () => {
      hasBegun = true;
      socket.destroy();
    });
  });
  const said = words(
    ask(port, {
      async onConnected(connection) {
        expect(connection.address).toBe("127.0.0.1");
        await accepted.promise;
        for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate);
        expect(hasBegun).toBe(false);
      },
    }),
  );
  expect((await said)[0]).toContain("closed the connection before TLS");
  expect(hasBegun).toBe(true);
});
