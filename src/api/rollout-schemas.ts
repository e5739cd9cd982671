/** A run that is done a few hosts at a time, in requests and answers. */
import { z } from "zod";
import { MAX_TYPED_SECONDS } from "../core/duration.ts";
import { parseSampleSize, type SampleSize, sizeProblem } from "../core/hosts/sample-size.ts";
import {
  MOST_SIZES,
  parseMaxFailures,
  type RolloutSetting,
  rolloutReport,
} from "../core/rollout.ts";
import { duration } from "./duration-schema.ts";

const SIZE = 'expected a number of hosts, or a percentage such as "10%"';

function size(parse: (text: string) => SampleSize | undefined) {
  return z.union([z.int(), z.string()], { error: SIZE }).transform((value, context) => {
    const read = parse(String(value));
    if (read !== undefined) return read;
    context.addIssue({ code: "custom", message: `${sizeProblem(String(value))}; ${SIZE}` });
    return z.NEVER;
  });
}

const bound = { error: "expected a whole number of hosts, at least 1" };

export const rolloutMembers = {
  batch: z
    .array(size(parseSampleSize), { error: "expected an array of sizes" })
    .min(1, { error: "expected an array of sizes" })
    .max(MOST_SIZES, { error: `expected at most ${MOST_SIZES} sizes` })
    .optional()
    .describe(
      "How many hosts each batch has: numbers, or percentages of all hosts, rounded down, but at least one host; the last size repeats.",
    ),
  max_failures: size(parseMaxFailures)
    .optional()
    .describe(
      "The rollout stops after a batch in which more hosts than this have failed; 0 if left out.",
    ),
  pause: duration(0, MAX_TYPED_SECONDS)
    .optional()
    .describe("The time between two batches: seconds, or text such as 30s or 5m."),
  per_tag: z
    .record(z.string(), z.int(bound).min(1, bound), { error: "expected an object of numbers" })
    .optional()
    .describe("For each tag named here: at most this many hosts at once with the same value."),
};

/** As the use-case takes it. */
export function rolloutOf(
  body: z.output<z.ZodObject<typeof rolloutMembers>> & { readonly check?: string | undefined },
): Partial<RolloutSetting> {
  const { batch, max_failures, pause, per_tag, check } = body;
  return {
    ...(batch && { batch }),
    ...(max_failures && { max_failures }),
    ...(pause === undefined ? {} : { pause }),
    ...(per_tag && { per_tag }),
    ...(check === undefined ? {} : { check }),
  };
}

export const rolloutAnswer = z.object(rolloutReport.shape);
