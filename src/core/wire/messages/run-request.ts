/** `POST /run`, as the agent reads it (docs/PROTOCOL.md, section 2). */
import * as z from "zod/mini";
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
});
export type RunRequest = z.infer<typeof runRequest>;
