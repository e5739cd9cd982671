/**
 * What the two sides say to each other (PROTOCOL sections 1 and 2). A field marked "new" is one
 * that 0.8 does not know; it is optional on arrival.
 */
import { z } from "zod";

/** Port 7443, requests. */
export const MAX_REQUEST_BYTES = 1_048_576;
export const MAX_HEADERS = 32;

const text = z.string();

export const runRequest = z.object({
  script: text,
  args: z.array(text).default([]),
  reqid: text.default(""),
  username: text.nullish().transform((value) => value ?? ""),
  token: text.nullish().transform((value) => value ?? ""),
});
export type RunRequest = z.infer<typeof runRequest>;

/** The answer to a run, as the controller reads it. */
export const runReply = z.object({
  // Perl's JSON writes a number that was used as text as text.
  exit: z.union([
    z.number().int(),
    z
      .string()
      .regex(/^-?\d{1,5}$/)
      .transform(Number),
  ]),
  stdout: text.default(""),
  stderr: text.default(""),
  error: text.optional(),
  /** New: the exact bytes, base64, when they are not UTF-8 and `stdout` has lost some. */
  stdout_b64: z.base64().optional(),
  stderr_b64: z.base64().optional(),
  /** New: the signal that ended the script. */
  signal: text.optional(),
  /** New: bytes that were dropped because the output was longer than the agent keeps. */
  stdout_dropped: z.number().int().nonnegative().optional(),
  stderr_dropped: z.number().int().nonnegative().optional(),
});
export type RunReply = z.infer<typeof runReply>;

export const pingReply = z.object({
  status: z.literal("ok"),
  host: text.default(""),
  version: text.default(""),
  expiry: text.default(""),
});
export type PingReply = z.infer<typeof pingReply>;

/** A refusal's body; 0.8 has more fields here and there. */
export const refusal = z.object({ error: text });

/** Port 7444. */
export const MAX_PAIRING_BYTES = 65_536;

export const pairingRequest = z.object({
  hostname: text,
  csr: text.max(32_768),
  nonce: text.regex(/^[0-9a-f]{32}$/),
  /** New: the port the agent serves on. */
  port: z.number().int().min(1).max(65_535).optional(),
});
export type PairingRequest = z.infer<typeof pairingRequest>;

export const pairingPending = z.discriminatedUnion("status", [
  z.object({ status: z.literal("pending"), reqid: text.regex(/^[0-9a-f]{16}$/) }),
  z.object({ status: z.literal("error"), reason: text }),
]);

export const pairingAnswer = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("approved"),
    cert: text,
    ca: text,
    nonce: text,
    dispatcher_serial: text,
  }),
  // 0.8 echoes no nonce in a denial.
  z.object({ status: z.literal("denied"), reason: text, nonce: text.optional() }),
]);
export type PairingAnswer = z.infer<typeof pairingAnswer>;
