/** The answer to `POST /cancel`, as the controller reads it (docs/PROTOCOL.md, section 9). */
import * as z from "zod/mini";

export const cancelReply = z.object({
  status: z.enum(["ended", "running", "not-running"]),
  left: z.int().check(z.nonnegative()),
});
