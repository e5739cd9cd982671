/** What an agent takes for the answer to its join, from a control host that shows the right CA. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { createServer } from "node:net";
import { TLSSocket } from "node:tls";
import { loadCredential, pairingCredential } from "../../../../src/controller/trust/credential.ts";
import { formatHttpResponse, HttpMessageReader } from "../../../../src/core/wire/http-message.ts";
import { tlsContext } from "../../../../src/system/net/tls.ts";
import { JoinStage, joiner } from "../../../support/join-stage.ts";

type Json = Record<string, unknown>;

let stage: JoinStage;

beforeAll(async () => {
  stage = await JoinStage.open();
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Joins at a port that answers so. @returns the outcome, and the paths that were asked for */
async function joinAt(challenge: Json, answer: (proof: Json) => Json) {
  const { config } = stage.controller;
  const secureContext = tlsContext(pairingCredential(loadCredential(config, stage.fleet.now)));
  const asked: Json[] = [];
  const server = createServer((raw) => {
    const socket = new TLSSocket(raw, { isServer: true, secureContext });
    socket.on("error", () => undefined);
    const messages = new HttpMessageReader(65_536);
    socket.on("data", (chunk: Buffer) => {
      messages.take(chunk);
      const body: Json = JSON.parse(messages.next()?.body ?? "{}");
      asked.push(body);
      const reply = asked.length === 1 ? challenge : answer(body);
      socket.write(formatHttpResponse(JSON.stringify(reply)));
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  await promise;
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    const who = await joiner("web-01");
    return { outcome: await stage.join(await stage.token(), who, { port }), asked, who };
  } finally {
    server.close();
  }
}

const CHALLENGE = { status: "challenge", value: "0".repeat(64) };

test("T31 an answer to another join is refused, whatever it says", async () => {
  for (const status of ["denied", "approved"]) {
    const rest = { cert: "", ca: "", dispatcher_serial: "", reason: "no" };
    const other = () => ({ status, ...rest, nonce: "f".repeat(32) });
    await expect(joinAt(CHALLENGE, other)).rejects.toThrow(
      "its answer is not for this request: another nonce",
    );
  }
});

test("a refusal says whether it may be asked again, with or without a nonce", async () => {
  const later = (again?: boolean) => (proof: Json) => ({
    status: "denied",
    reason: "not now",
    nonce: proof.nonce,
    again,
  });
  const refused = { kind: "refused", reason: "not now" } as const;
  expect((await joinAt(CHALLENGE, later(true))).outcome).toEqual({ ...refused, again: true });
  expect((await joinAt(CHALLENGE, later())).outcome).toEqual({ ...refused, again: false });
  const error = () => ({ status: "error", reason: "not now" });
  expect((await joinAt(CHALLENGE, error)).outcome).toEqual({ ...refused, again: false });
});

test("T32 a control host that knows no tokens is not told which one this is", async () => {
  const none = joinAt({ status: "error", reason: "unknown request" }, () => ({}));
  await expect(none).rejects.toThrow("it does not take join tokens");
});

test("T32 neither the token nor its secret is sent: its id, and what its key has signed", async () => {
  const denied = ({ nonce }: Json) => ({ status: "denied", reason: "no", nonce });
  const { asked, who } = await joinAt(CHALLENGE, denied);
  expect(asked).toEqual([
    {},
    {
      token: expect.stringMatching(/^[0-9a-f]{16}$/),
      hostname: "web-01",
      csr: who.csrPem,
      nonce: who.nonce,
      port: 7443,
      signature: expect.stringMatching(/^[0-9a-f]{128}$/),
    },
  ]);
});
