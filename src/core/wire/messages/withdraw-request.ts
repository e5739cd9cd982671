/** `POST /withdraw`, as the agent reads it (docs/PROTOCOL.md, section 9). */
import * as z from "zod/mini";
import { isRequestId } from "../../request-id.ts";

export const withdrawRequest = z.object({
  reqid: z.string().check(z.refine(isRequestId)),
  /** Who has cancelled it; empty if nobody has, and it was given up. */
  username: z._default(z.string(), ""),
});
