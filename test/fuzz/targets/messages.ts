import type * as z from "zod/mini";
import { readJsonAs } from "../../../src/core/json.ts";
import * as messages from "../../../src/core/wire/messages.ts";
import { REQUEST } from "../seeds.ts";
import { type Target, textTarget } from "../target.ts";

const PIECES = [
  '{"',
  '":',
  '"',
  ",",
  "[",
  "]",
  "}",
  "{",
  "1,",
  "[],",
  "{},",
  '"a",',
  "null,",
  '"args":[',
  '"tags":{',
  '"a":1,',
  '"scripts":[',
  '{"name":1},',
  '"exit":',
  "-1",
  "true",
];

function message(name: string, schema: z.ZodMiniType, ...seeds: readonly object[]): Target {
  const read = (text: string) => readJsonAs(schema, text);
  const texts = seeds.map((seed) => JSON.stringify(seed));
  return textTarget(`message: ${name}`, texts, PIECES, read);
}

const NONCE = "0".repeat(32);

export const MESSAGES: readonly Target[] = [
  message("run", messages.runRequest, { script: "say", args: ["a", ""], reqid: "x", token: null }),
  message("answer to run", messages.runReply, {
    exit: "-1",
    stdout: "x",
    stdout_b64: "AA==",
    signal: "SIGKILL",
  }),
  message("answer to ping", messages.pingReply, {
    status: "ok",
    host: "a",
    version: "1",
    expiry: "x",
  }),
  message("answer to capabilities", messages.capabilitiesReply, {
    status: "ok",
    scripts: [{ name: "say", path: "/x", executable: 1 }],
    tags: { a: "b" },
  }),
  message("answer to renew", messages.renewReply, { status: "ok", csr: REQUEST }),
  message("renew-complete", messages.renewCompleteRequest, { cert: "x", ca: "y" }),
  message("pairing request", messages.pairingRequest, {
    hostname: "a",
    csr: REQUEST,
    nonce: NONCE,
    port: 1,
  }),
  message(
    "pairing, first answer",
    messages.pairingPending,
    { status: "pending", reqid: "0".repeat(16) },
    { status: "error", reason: "x" },
  ),
  message(
    "pairing, last answer",
    messages.pairingAnswer,
    { status: "denied", reason: "no", nonce: NONCE },
    { status: "approved", cert: "a", ca: "b", nonce: NONCE, dispatcher_serial: "0a" },
  ),
];
