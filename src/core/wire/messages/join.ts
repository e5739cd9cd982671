/** The messages of port 7444 by which a host joins with a token (docs/PROTOCOL.md, section 1). All of them are new. */
import * as z from "zod/mini";
import { MAX_PAIRING_BYTES } from "../limits.ts";
import { approval, pairingRequest, selfReport } from "./pairing.ts";
import { line, text } from "./texts.ts";

const tokenId = text.check(z.regex(/^[0-9a-f]{16}$/));

/** Says only that the agent has a token: the proof follows when the control host has sent its value. */
export const joinRequest = z.object({});

export const joinChallenge = z.discriminatedUnion("status", [
  z.object({ status: z.literal("challenge"), value: text.check(z.regex(/^[0-9a-f]{64}$/)) }),
  z.object({ status: z.literal("error"), reason: line }),
]);

/** Hex: an Ed25519 signature has 64 bytes, an RSA signature as many as its key. */
const signature = text.check(z.regex(/^(?:[0-9a-f]{2}){8,1024}$/));

export const joinProof = z.object({
  token: tokenId,
  hostname: pairingRequest.shape.hostname,
  csr: pairingRequest.shape.csr,
  nonce: pairingRequest.shape.nonce,
  port: pairingRequest.shape.port,
  signature,
  /** From a host that already has a certificate of this CA: that certificate, and a signature with its key. */
  certificate: z.optional(text.check(z.maxLength(MAX_PAIRING_BYTES))),
  own_signature: z.optional(signature),
  ...selfReport,
});
export type JoinProof = z.infer<typeof joinProof>;

export const joinAnswer = z.discriminatedUnion("status", [
  approval,
  z.object({
    status: z.literal("denied"),
    reason: line,
    nonce: z.optional(text),
    /** The agent may ask for the same again later. */
    again: z.optional(z.boolean()),
  }),
  z.object({ status: z.literal("error"), reason: line }),
]);
export type JoinAnswer = z.infer<typeof joinAnswer>;
