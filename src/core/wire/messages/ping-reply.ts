/** The answer to `POST /ping`. */
import * as z from "zod/mini";
import { wordOrEmpty } from "./texts.ts";

export const pingReply = z.object({
  status: z.literal("ok"),
  host: wordOrEmpty,
  version: wordOrEmpty,
  expiry: wordOrEmpty,
});
