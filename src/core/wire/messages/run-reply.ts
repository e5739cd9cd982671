/** The answer to `POST /run`, as the controller reads it (docs/PROTOCOL.md, section 2). */
import * as z from "zod/mini";
import { runResult } from "../../run-result.ts";
import { PiecedText } from "../pieced-text.ts";
import { line, text, word } from "./texts.ts";

/** zod's own regular expression takes 100 bytes for each four characters. */
const base64 = text.check(
  z.refine((value) => value.length % 4 === 0 && !/[^A-Za-z0-9+/=]|=[^=]|={3}/.test(value)),
);

/** A script's output; the rest of an answer has no long texts (T69). */
const output = z._default(z.union([text, z.instanceof(PiecedText)]), "");
const outputBytes = z.union([
  base64,
  z.instanceof(PiecedText).check(z.refine(({ isBase64 }) => isBase64)),
]);

/**
 * Perl's JSON writes a number that was used as text as text. Anything else is refused: without an exit there is
 * no success.
 */
export const exitNumber = z.union([
  z.int(),
  z.pipe(text.check(z.regex(/^-?\d{1,5}$/)), z.transform(Number)),
]);

/**
 * The result, without what the controller knows itself. 0.8 has `exit`, `stdout`, `stderr` and `error`, and
 * leaves out what is empty.
 */
export const runReply = z.extend(
  z.omit(runResult, {
    ...({ host: true, script: true, rtt: true, reqid: true } as const),
    ...({ stdout_unrecorded: true, stderr_unrecorded: true } as const),
  }),
  {
    exit: exitNumber,
    stdout: output,
    stderr: output,
    error: z.exactOptional(line),
    /** A word that run-state.ts does not know is read as `unknown`. */
    state: z.exactOptional(word),
    stdout_b64: z.exactOptional(outputBytes),
    stderr_b64: z.exactOptional(outputBytes),
    signal: z.exactOptional(word),
    cancelled_by: z.exactOptional(word),
    started: z.exactOptional(word),
    ended: z.exactOptional(word),
  },
);
