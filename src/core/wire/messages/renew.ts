/** The messages of a renewal (docs/PROTOCOL.md, section 2). */
import * as z from "zod/mini";
import { csr, text } from "./texts.ts";

/** The answer to `POST /renew`: a request made from the agent's present key. */
export const renewReply = z.object({
  status: z.literal("ok"),
  csr,
});

/** `POST /renew-complete`. A control host of 0.9 sends no CA: the current one must have signed it. */
export const renewCompleteRequest = z.object({ cert: text, ca: z.optional(text) });
export type RenewCompleteRequest = z.infer<typeof renewCompleteRequest>;
