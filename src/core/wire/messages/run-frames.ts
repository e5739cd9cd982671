/** The JSON in the frames of a run's stream (docs/PROTOCOL.md, section 9). */
import * as z from "zod/mini";
import { isRequestId } from "../../request-id.ts";
import { END_STATES, OUTPUT_STREAMS, type RunEnding } from "../../run-event.ts";
import { parseIso } from "../../time.ts";
import { line, word } from "./texts.ts";

const count = z.int().check(z.nonnegative());

const time = z.string().check(z.refine((text) => parseIso(text) !== undefined));
const timeOrEmpty = z
  .string()
  .check(z.refine((text) => text === "" || parseIso(text) !== undefined));

export const beginFrame = z.object({
  reqid: z.string().check(z.refine(isRequestId)),
  script: word,
  started: time,
});

export const droppedFrame = z.object({
  stream: z.enum(OUTPUT_STREAMS),
  bytes: z.int().check(z.positive()),
});

export const endFrame = z.object({
  state: z.enum(END_STATES),
  exit: z.int().check(z.gte(-1), z.lte(255)),
  signal: z.exactOptional(word),
  timed_out: z.exactOptional(z.boolean()),
  cancelled: z.exactOptional(z.boolean()),
  cancelled_by: z.exactOptional(word),
  error: z.exactOptional(line),
  started: timeOrEmpty,
  ended: timeOrEmpty,
  stdout_bytes: count,
  stderr_bytes: count,
}) satisfies z.ZodMiniType<RunEnding>;
