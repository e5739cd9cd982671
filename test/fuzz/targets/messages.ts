import type * as z from "zod/mini";
import { readJsonAs } from "../../../src/core/json.ts";
import { capabilitiesReply } from "../../../src/core/wire/messages/capabilities-reply.ts";
import { followRequest } from "../../../src/core/wire/messages/follow-request.ts";
import {
  pairingAnswer,
  pairingPending,
  pairingRequest,
} from "../../../src/core/wire/messages/pairing.ts";
import { pingReply } from "../../../src/core/wire/messages/ping-reply.ts";
import { renewCompleteRequest, renewReply } from "../../../src/core/wire/messages/renew.ts";
import { runReply } from "../../../src/core/wire/messages/run-reply.ts";
import { runRequest } from "../../../src/core/wire/messages/run-request.ts";
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
  message("run", runRequest, { script: "say", args: ["a", ""], reqid: "x", token: null }),
  message("follow", followRequest, { reqid: "0123456789abcdef", stdout: 0, stderr: 1 }),
  message("answer to run", runReply, {
    exit: "-1",
    stdout: "x",
    stdout_b64: "AA==",
    signal: "SIGKILL",
  }),
  message("answer to ping", pingReply, {
    status: "ok",
    host: "a",
    version: "1",
    expiry: "x",
  }),
  message("answer to capabilities", capabilitiesReply, {
    status: "ok",
    scripts: [{ name: "say", path: "/x", executable: 1 }],
    tags: { a: "b" },
  }),
  message("answer to renew", renewReply, { status: "ok", csr: REQUEST }),
  message("renew-complete", renewCompleteRequest, { cert: "x", ca: "y" }),
  message("pairing request", pairingRequest, {
    hostname: "a",
    csr: REQUEST,
    nonce: NONCE,
    port: 1,
  }),
  message(
    "pairing, first answer",
    pairingPending,
    { status: "pending", reqid: "0".repeat(16) },
    { status: "error", reason: "x" },
  ),
  message(
    "pairing, last answer",
    pairingAnswer,
    { status: "denied", reason: "no", nonce: NONCE },
    { status: "approved", cert: "a", ca: "b", nonce: NONCE, dispatcher_serial: "0a" },
  ),
];
