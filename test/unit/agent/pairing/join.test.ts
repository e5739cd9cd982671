/** What an agent takes for the answer to its join, from a control host that shows the right CA. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { JoinStage, joiner } from "../../../support/join-stage.ts";
import { type Json, PairingAnswerer } from "../../../support/pairing-answerer.ts";

let stage: JoinStage;

beforeAll(async () => {
  stage = await JoinStage.open();
});
afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Joins at a port that answers so. @returns the outcome, and what was sent */
async function joinAt(challenge: Json, answer: (proof: Json) => Json) {
  const asked: Json[] = [];
  await using server = new PairingAnswerer(stage.fleet, (body) => {
    asked.push(body);
    return [asked.length === 1 ? challenge : answer(body)];
  });
  const who = await joiner("web-01");
  const port = await server.port();
  return { outcome: await stage.join(await stage.token(), who, { port }), asked, who };
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
  await expect(none).rejects.toThrow("it does not accept join tokens");
});

test("T32 neither the token nor its secret is sent: its id, and what its key has signed", async () => {
  const denied = ({ nonce }: Json) => ({ status: "denied", reason: "no", nonce });
  const { asked, who } = await joinAt(CHALLENGE, denied);
  expect(asked).toEqual([
    {},
    {
      token: expect.stringMatching(/^[0-9a-f]{16}$/),
      hostname: "web-01",
      version: "1.1.0",
      csr: who.csrPem,
      nonce: who.nonce,
      port: 7443,
      signature: expect.stringMatching(/^[0-9a-f]{128}$/),
    },
  ]);
});
