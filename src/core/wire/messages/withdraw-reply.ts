/** The answer to `POST /withdraw`, as the controller reads it (docs/PROTOCOL.md, section 9). */
import * as z from "zod/mini";

export const withdrawReply = z.union([
  z.object({ status: z.literal("known") }),
  z.object({
    status: z.literal("withdrawn"),
    /** Seconds: the agent knows every run that was asked for since then. */
    known_for: z.number().check(z.nonnegative()),
  }),
]);
