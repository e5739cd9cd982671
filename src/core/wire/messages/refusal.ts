/** A refusal, as every request may be answered. */
import * as z from "zod/mini";
import { MAX_ERROR_TEXT } from "../limits.ts";
import { text } from "./texts.ts";

/** A refusal's body; 0.8 sometimes has more fields. */
const refusal = z.object({ error: text });

/** A refusal's error; undefined for an answer that is not a refusal. */
export function refusalIn(json: unknown): string | undefined {
  return refusal.safeParse(json).data?.error.slice(0, MAX_ERROR_TEXT);
}

/** The answer of every agent, even 0.8's, if a script may not run there (docs/PROTOCOL.md, section 2). */
export const NOT_PERMITTED = "script not permitted";
