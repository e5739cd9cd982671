/** `POST /run`, as the agent reads it (docs/PROTOCOL.md, section 2). */
import * as z from "zod/mini";
import { MAX_TIMER_SECONDS } from "../../config/config-fields.ts";
import { isArrayOfText } from "../../json.ts";
import { text } from "./texts.ts";

const textOrEmpty = z._default(text, "");

/** 0.8 sends null for a name or token that is not set. */
const nullableText = z.pipe(
  z.nullish(text),
  z.transform((value) => value ?? ""),
);

/**
 * Checked as a whole: zod keeps a description of every bad item, and a megabyte can have half a million (T61).
 */
const texts = z.custom<string[]>(isArrayOfText);

export const runRequest = z.object({
  script: text,
  args: z._default(texts, []),
  reqid: textOrEmpty,
  username: nullableText,
  token: nullableText,
  /** New: the certificate of a control host that announces its new serial. */
  cert: z.optional(text),
  /** New: 1 asks for the run's stream; anything else means nothing. */
  stream: z.optional(z.unknown()),
  /** New: true asks for an answer once the script has started. 0.9 says `async`. */
  detach: z.optional(z.unknown()),
  async: z.optional(z.unknown()),
  /** New: refuse it while the same script runs on this host. */
  lock: z.optional(z.literal(1)),
  /** New: seconds after which the agent ends it. */
  timeout: z.optional(z.int().check(z.gte(1), z.lte(MAX_TIMER_SECONDS))),
});
export type RunRequest = z.infer<typeof runRequest>;
