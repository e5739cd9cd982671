/** A length of time in a request: seconds, or the text that the command line takes as well. */
import { z } from "zod";
import { DURATION_FORMS, typedSeconds } from "../core/duration.ts";

/** @returns a schema of which the output is a number of seconds within the bounds */
export function duration(min: number, max: number) {
  const error = `expected ${min} to ${max} seconds, or text such as ${DURATION_FORMS}`;
  const number = z.int({ error }).min(min, { error }).max(max, { error });
  const text = z.string().regex(/^[0-9]{1,9}[smhd]?$/, { error });
  return z.union([number, text], { error }).transform((value, context) => {
    const seconds = typeof value === "number" ? value : typedSeconds(value);
    if (seconds !== undefined && seconds >= min && seconds <= max) return seconds;
    context.addIssue({ code: "custom", message: error });
    return z.NEVER;
  });
}
