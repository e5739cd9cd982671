/** `POST /follow`, as the agent reads it (docs/PROTOCOL.md, section 9). */
import * as z from "zod/mini";
import { isRequestId } from "../../request-id.ts";

const offset = z.int().check(z.nonnegative());

export const followRequest = z.object({
  reqid: z.string().check(z.refine(isRequestId)),
  /** The offset of the next byte that is wanted from each stream. */
  stdout: offset,
  stderr: offset,
  /** The control host began the run, and hides the token itself. */
  token: z.optional(z.literal(1)),
});
