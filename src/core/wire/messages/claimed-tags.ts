/** The tags that an agent claims, in its answers and in its pairing. */
import * as z from "zod/mini";
import { isRecordOfText } from "../../json.ts";

const MAX_TAGS = 1000;

/** As a whole: zod keeps a description of every bad item (T61). */
export const claimedTags = z.pipe(
  z.custom<object>(
    (value) => typeof value === "object" && value !== null && Object.keys(value).length <= MAX_TAGS,
  ),
  z.custom<Record<string, string>>(isRecordOfText),
);
