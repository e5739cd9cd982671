/** `POST /cancel`, as the agent reads it (docs/PROTOCOL.md, section 9). */
import * as z from "zod/mini";
import { MAX_TIMER_SECONDS } from "../../config/config-fields.ts";
import { isRequestId } from "../../request-id.ts";
import { text } from "./texts.ts";

/** Seconds between TERM and KILL, if the request does not say. */
const USUAL_GRACE = 10;

export const cancelRequest = z.object({
  reqid: text.check(z.refine(isRequestId)),
  grace: z._default(z.int().check(z.gte(0), z.lte(MAX_TIMER_SECONDS)), USUAL_GRACE),
  username: z._default(text, ""),
});
