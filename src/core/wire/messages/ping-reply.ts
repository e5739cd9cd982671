/** The answer to `POST /ping`. */
import * as z from "zod/mini";
import { claimedTags } from "./claimed-tags.ts";
import { wordOrEmpty } from "./texts.ts";

export const pingReply = z.object({
  status: z.literal("ok"),
  host: wordOrEmpty,
  version: wordOrEmpty,
  expiry: wordOrEmpty,
  /** New: if the request asks for them. */
  tags: z.optional(claimedTags),
});
