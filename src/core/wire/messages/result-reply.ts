/** The answer to `GET /result/{reqid}`, as the controller reads it (docs/PROTOCOL.md, section 2). */
import * as z from "zod/mini";
import { runReply } from "./run-reply.ts";
import { word } from "./texts.ts";

export const resultReply = z.union([
  z.object({ status: z.literal("running"), started: z.exactOptional(word) }),
  z.extend(runReply, { status: z.literal("done"), finished: z.exactOptional(word) }),
]);
