/**
 * The messages between the two sides (docs/PROTOCOL.md, sections 1 and 2). 0.8 does not know fields marked
 * "new"; they are optional in what we receive.
 */
import * as z from "zod/mini";
import { isArrayOfText, isRecordOfText } from "../json.ts";
import { runResult } from "../run-result.ts";
import { isScriptName } from "../script-name.ts";
import { MAX_CSR, MAX_ERROR_TEXT } from "./limits.ts";
import { PiecedText } from "./pieced-text.ts";

const text = z.string();
const textOrEmpty = z._default(text, "");

/** 0.8 sends null for a name or token that is not set. */
const nullableText = z.pipe(
  z.nullish(text),
  z.transform((value) => value ?? ""),
);

/** zod's own regular expression takes 100 bytes for each four characters. */
const base64 = text.check(
  z.refine((value) => value.length % 4 === 0 && !/[^A-Za-z0-9+/=]|=[^=]|={3}/.test(value)),
);

/**
 * A list and an object of texts, checked as a whole: zod keeps a description of every bad item, and a megabyte
 * can have half a million (T61).
 */
const texts = z.custom<string[]>(isArrayOfText);
const textRecord = z.custom<Record<string, string>>(isRecordOfText);

/** A script's output; the rest of an answer has no long texts (T69). */
const output = z._default(z.union([text, z.instanceof(PiecedText)]), "");
const outputBytes = z.union([
  base64,
  z.instanceof(PiecedText).check(z.refine(({ isBase64 }) => isBase64)),
]);

/** A name, a version, a date. */
export const word = text.check(z.maxLength(255));
const wordOrEmpty = z._default(word, "");

/** A text that is shown in one line and logged. */
export const line = text.check(z.maxLength(MAX_ERROR_TEXT));

const csr = text.check(z.maxLength(MAX_CSR));

const port = z.int().check(z.gte(1), z.lte(65_535));

export const runRequest = z.object({
  script: text,
  args: z._default(texts, []),
  reqid: textOrEmpty,
  username: nullableText,
  token: nullableText,
  /** New: the certificate of a control host that announces its new serial. */
  cert: z.optional(text),
});
export type RunRequest = z.infer<typeof runRequest>;

/** The name in every agent's allowlist, even 0.8's, of the script that takes the controller's new serial. */
export const UPDATE_SERIAL_SCRIPT = "update-ctrl-exec-serial";

/** The answer of every agent, even 0.8's, if a script may not run there (docs/PROTOCOL.md, section 2). */
export const NOT_PERMITTED = "script not permitted";

/**
 * Perl's JSON writes a number that was used as text as text. Anything else is refused: without an exit there is
 * no success.
 */
export const exitNumber = z.union([
  z.int(),
  z.pipe(text.check(z.regex(/^-?\d{1,5}$/)), z.transform(Number)),
]);

/**
 * The answer to a run, as the controller reads it: the result, without what the controller knows itself. 0.8 has
 * `exit`, `stdout`, `stderr` and `error`, and leaves out what is empty.
 */
export const runReply = z.extend(
  z.omit(runResult, { host: true, script: true, rtt: true, reqid: true }),
  {
    exit: exitNumber,
    stdout: output,
    stderr: output,
    error: z.exactOptional(line),
    /** A word that run-state.ts does not know is read as `unknown`. */
    state: z.exactOptional(word),
    stdout_b64: z.exactOptional(outputBytes),
    stderr_b64: z.exactOptional(outputBytes),
    signal: z.exactOptional(word),
    cancelled_by: z.exactOptional(word),
    started: z.exactOptional(word),
    ended: z.exactOptional(word),
  },
);

export const pingReply = z.object({
  status: z.literal("ok"),
  host: wordOrEmpty,
  version: wordOrEmpty,
  expiry: wordOrEmpty,
});

/** The answer to `POST /renew`: a request made from the agent's present key. */
export const renewReply = z.object({
  status: z.literal("ok"),
  csr,
});

/** `POST /renew-complete`. A control host of 0.9 sends no CA: the current one must have signed it. */
export const renewCompleteRequest = z.object({ cert: text, ca: z.optional(text) });
export type RenewCompleteRequest = z.infer<typeof renewCompleteRequest>;

const scriptEntry = z.object({
  name: text.check(z.refine(isScriptName)),
  path: z._default(text.check(z.maxLength(4096)), ""),
  // Perl's JSON sometimes writes booleans as 1 or 0.
  executable: z._default(
    z.union([
      z.boolean(),
      z.pipe(
        z.number(),
        z.transform((value) => value !== 0),
      ),
    ]),
    false,
  ),
});

const MAX_SCRIPTS = 10_000;
const MAX_TAGS = 1000;

/** Counted before any of them is checked: a million take a second (T69). */
const scripts = z.pipe(z.array(z.unknown()).check(z.maxLength(MAX_SCRIPTS)), z.array(scriptEntry));
const tags = z.pipe(
  z.custom<object>(
    (value) => typeof value === "object" && value !== null && Object.keys(value).length <= MAX_TAGS,
  ),
  textRecord,
);

export const capabilitiesReply = z.object({
  status: z.literal("ok"),
  host: wordOrEmpty,
  version: wordOrEmpty,
  scripts: z._default(scripts, []),
  tags: z._default(tags, {}),
});

/** A refusal's body; 0.8 sometimes has more fields. */
const refusal = z.object({ error: text });

/** A refusal's error; undefined for an answer that is not a refusal. */
export function refusalIn(json: unknown): string | undefined {
  return refusal.safeParse(json).data?.error.slice(0, MAX_ERROR_TEXT);
}

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

/** New: only to a control host whose first answer has a value. */
export const pairingReveal = z.object({ reqid: pairingId, value: codeValue });

export const pairingPending = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("pending"),
    reqid: pairingId,
    /** New: the control host's value for a code that covers both hosts. */
    value: z.optional(codeValue),
  }),
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
  // 0.8 does not repeat the nonce in a denial.
  z.object({ status: z.literal("denied"), reason: text, nonce: z.optional(text) }),
]);
export type PairingAnswer = z.infer<typeof pairingAnswer>;

/** The reason when a request had to make room for another in the queue. */
export const PUSHED_OUT = "pushed out of the full pairing queue by newer requests";
