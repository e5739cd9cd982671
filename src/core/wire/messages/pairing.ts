/** The messages of port 7444 (docs/PROTOCOL.md, section 1). */
import * as z from "zod/mini";
import { claimedTags } from "./claimed-tags.ts";
import { csr, text, word } from "./texts.ts";

const port = z.int().check(z.gte(1), z.lte(65_535));

const pairingId = text.check(z.regex(/^[0-9a-f]{16}$/));
/** 32 bytes. */
const codeValue = text.check(z.regex(/^[0-9a-f]{64}$/));

export const pairingRequest = z.object({
  hostname: text,
  csr,
  nonce: text.check(z.regex(/^[0-9a-f]{32}$/)),
  /** New: the port on which the agent serves. */
  port: z.optional(port),
  /** New: see `commitmentTo`. */
  commitment: z.optional(codeValue),
});
export type PairingRequest = z.infer<typeof pairingRequest>;

/** What an agent says about itself, so that no expression takes a new host for one without tags. */
export const selfReport = { version: z.optional(word), tags: z.optional(claimedTags) };

/** New: only to a control host whose first answer has a value. */
export const pairingReveal = z.object({ reqid: pairingId, value: codeValue, ...selfReport });

export const pairingPending = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("pending"),
    reqid: pairingId,
    /** New: the control host's value for a code that covers both hosts. */
    value: z.optional(codeValue),
  }),
  z.object({ status: z.literal("error"), reason: text }),
]);

export const approval = z.object({
  status: z.literal("approved"),
  cert: text,
  ca: text,
  nonce: text,
  dispatcher_serial: text,
});
export type ApprovalAnswer = z.infer<typeof approval>;

export const pairingAnswer = z.discriminatedUnion("status", [
  approval,
  // 0.8 does not repeat the nonce in a denial.
  z.object({ status: z.literal("denied"), reason: text, nonce: z.optional(text) }),
]);
export type PairingAnswer = z.infer<typeof pairingAnswer>;

/** The reason when a request had to make room for another in the queue. */
export const PUSHED_OUT = "pushed out of the full pairing queue by newer requests";
