/** What an agent makes of each answer that may come to its request. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { TLSSocket } from "node:tls";
import {
  type PairingOptions,
  type Pending,
  pair,
} from "../../../../src/agent/pairing/enrolment.ts";
import { formatHttpResponse, HttpMessageReader } from "../../../../src/core/wire/http-message.ts";
import { createCsr } from "../../../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../../../src/pki/keys.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { tlsContext } from "../../../../src/system/net/tls.ts";
import { Authority } from "../../../support/authority.ts";

const REQID = "0123456789abcdef";
const PENDING = { status: "pending", reqid: REQID };
const NONCE = "0123456789abcdef0123456789abcdef";

let ca: Authority;
let keyPem: string;
let csrPem: string;
beforeAll(async () => {
  ca = await Authority.create();
  keyPem = await generateKeyPem("ec");
  csrPem = await createCsr("web-01", readPrivateKey(keyPem, "the key"));
});

const ended: (() => void)[] = [];
afterAll(() => {
  for (const end of ended) end();
});

/**
 * A control host that says these, one after each message, the last ones at once.
 *
 * @param name in its certificate
 */
async function controlHost(answers: readonly (object | string)[][], name = "ctrl-exec") {
  const { cert, key } = await ca.issue(name);
  const secureContext = tlsContext({ cert: `${cert}\n${ca.ca.pem}`, key });
  const asked: Record<string, unknown>[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((raw) => {
    sockets.add(raw);
    const socket = new TLSSocket(raw, { isServer: true, secureContext });
    socket.on("error", () => undefined);
    const messages = new HttpMessageReader(65_536);
    const left = [...answers];
    socket.on("data", (chunk: Buffer) => {
      messages.take(chunk);
      for (let message = messages.next(); message !== undefined; message = messages.next()) {
        asked.push(JSON.parse(message.body));
        for (const answer of left.shift() ?? []) {
          socket.write(
            formatHttpResponse(typeof answer === "string" ? answer : JSON.stringify(answer)),
          );
        }
      }
    });
  });
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0 }, resolve));
  ended.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return { asked, port: typeof address === "object" && address !== null ? address.port : 0 };
}

async function pairing(port: number, more: Partial<PairingOptions> = {}) {
  const pending: Pending[] = [];
  const outcome = await pair({
    controller: "127.0.0.1",
    port,
    hostname: "web-01",
    servePort: 7443,
    report: { version: "1.1.0" },
    keyPem,
    csrPem,
    nonce: NONCE,
    caFingerprint: undefined,
    waitMs: 20_000,
    now: () => new Date(),
    onPending: (told) => pending.push(told),
    ...more,
  });
  return { outcome, pending };
}

test("a request that is denied, or not decided in time, is reported as that", async () => {
  const denied = { status: "denied", reason: "not expected", nonce: NONCE };
  const { port, asked } = await controlHost([[PENDING, denied]]);
  const { outcome, pending } = await pairing(port);
  expect(outcome).toEqual({ kind: "denied", reason: "not expected", reqid: REQID });
  expect(pending).toMatchObject([
    { reqid: REQID, covers: "request", caFingerprint: ca.ca.fingerprint },
  ]);
  expect(asked).toMatchObject([{ hostname: "web-01", csr: csrPem, nonce: NONCE, port: 7443 }]);
  const { port: silent } = await controlHost([[PENDING]]);
  const late = await pairing(silent, { waitMs: 20 });
  expect(late.outcome).toEqual({ kind: "timeout", reqid: REQID });
});

test("T07 a control host that gives a value of its own is told the agent's, once", async () => {
  const value = "ab".repeat(32);
  const denied = { status: "denied", reason: "no", nonce: NONCE };
  const { port, asked } = await controlHost([[{ ...PENDING, value }], [PENDING, denied]]);
  const { pending } = await pairing(port);
  expect(pending).toMatchObject([{ reqid: REQID, covers: "both" }]);
  expect(asked[0]).not.toHaveProperty("version");
  expect(asked[1]).toEqual({
    reqid: REQID,
    value: expect.stringMatching(/^[0-9a-f]{64}$/),
    version: "1.1.0",
  });
  const other = await controlHost([
    [{ ...PENDING, value }],
    [{ ...PENDING, reqid: "f".repeat(16) }],
  ]);
  await expect(pairing(other.port)).rejects.toThrow("its second answer is for another request");
});

test.each([
  ["pairing queue full", "ctrl-exec list-requests"],
  ["invalid request", "ACTION=pair-reject"],
  ["something else", undefined],
])("a request that is refused comes with what to do: %s", async (reason, hint) => {
  const { port } = await controlHost([[{ status: "error", reason }]]);
  const thrown = await pairing(port).catch((error: unknown) => error);
  expect(thrown).toMatchObject({
    code: "protocol",
    message: `Cannot pair with 127.0.0.1:${port}: it refuses the request: ${reason}`,
  });
  const said = thrown instanceof Error && "hint" in thrown ? thrown.hint : undefined;
  if (hint === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(hint);
});

test("T07 an agent that poses as the control host is told nothing", async () => {
  const { port, asked } = await controlHost([[PENDING]], "db-01");
  await expect(pairing(port)).rejects.toMatchObject({
    code: "untrusted",
    message: `Cannot pair: 127.0.0.1:${port} is not a control host`,
    hint: "It shows the certificate of db-01. Nothing was sent to it.",
  });
  expect(asked).toEqual([]);
});

test("T07 the expected CA is taken, another one is not", async () => {
  const denied = { status: "denied", reason: "no", nonce: NONCE };
  const { port, asked } = await controlHost([[PENDING, denied]]);
  const { outcome } = await pairing(port, { caFingerprint: ca.ca.fingerprint });
  expect(outcome.kind).toBe("denied");
  const before = asked.length;
  const caFingerprint = `sha256:${"0".repeat(64)}`;
  await expect(pairing(port, { caFingerprint })).rejects.toMatchObject({
    code: "untrusted",
    message: `Cannot pair: the CA of 127.0.0.1:${port} is not the expected one`,
    hint: `Expected ${caFingerprint}\nFound    ${ca.ca.fingerprint}\nNothing was sent to it.`,
  });
  expect(asked).toHaveLength(before);
});

test("a control host that cannot be reached is reported as that", async () => {
  const port = freePort();
  await expect(pairing(port)).rejects.toMatchObject({
    code: "unreachable",
    message: expect.stringContaining("Cannot pair"),
  });
});
