/** The answer to `GET /capabilities`. */
import * as z from "zod/mini";
import { isScriptName } from "../../script-name.ts";
import { claimedTags } from "./claimed-tags.ts";
import { text, wordOrEmpty } from "./texts.ts";

const scriptEntry = z.object({
  name: text.check(z.refine(isScriptName)),
  path: z._default(text.check(z.maxLength(4096)), ""),
  // Perl's JSON sometimes writes booleans as 1 or 0.
  executable: z._default(
    z.union([
      z.boolean(),
      z.pipe(
        z.number(),
        z.transform((value) => value !== 0),
      ),
    ]),
    false,
  ),
});

const MAX_SCRIPTS = 10_000;

/** Counted before any of them is checked: a million take a second (T69). */
const scripts = z.pipe(z.array(z.unknown()).check(z.maxLength(MAX_SCRIPTS)), z.array(scriptEntry));

export const capabilitiesReply = z.object({
  status: z.literal("ok"),
  host: wordOrEmpty,
  version: wordOrEmpty,
  scripts: z._default(scripts, []),
  tags: z._default(claimedTags, {}),
});
