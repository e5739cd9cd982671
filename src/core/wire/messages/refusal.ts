/** A refusal, as every request may be answered. */
import * as z from "zod/mini";
import { isRequestId } from "../../request-id.ts";
import { MAX_ERROR_TEXT } from "../limits.ts";
import { text } from "./texts.ts";

/** A refusal's body; 0.8 sometimes has more fields. */
const refusal = z.object({ error: text });

/** A refusal's error; undefined for an answer that is not a refusal. */
export function refusalIn(json: unknown): string | undefined {
  return refusal.safeParse(json).data?.error.slice(0, MAX_ERROR_TEXT);
}

const busy = z.object({ error: z.literal("busy"), reqid: text });

/** The run for which the agent refuses another of the same script; undefined if it refuses something else. */
export function busyWith(json: unknown): string | undefined {
  const reqid = busy.safeParse(json).data?.reqid;
  return reqid !== undefined && isRequestId(reqid) ? reqid : undefined;
}

/** The answer of every agent, even 0.8's, if a script may not run there (docs/PROTOCOL.md, section 2). */
export const NOT_PERMITTED = "script not permitted";

/** The answer of an agent since 1.1 to a question about a run that it does not know, with status 404. */
export const NO_SUCH_RUN = "no such run";
