/** A run that is done a few hosts at a time: how, as the faces read it and as its record keeps it. */
import * as z from "zod/mini";
import { parseSampleSize, type SampleSize, sizeProblem } from "./hosts/sample-size.ts";
import type { Frozen } from "./json.ts";

const count = z.int().check(z.nonnegative());
const size = z.union([z.object({ hosts: count }), z.object({ percent: count })]);

export const rolloutSetting = z.object({
  /** How many hosts each batch has, one after the other; the last is repeated. */
  batch: z.array(size).check(z.minLength(1)),
  /** The rollout stops when more hosts than this have failed. */
  max_failures: size,
  /** Seconds between two batches. */
  pause: count,
  /** For each of these tags: how many hosts with the same value one batch may have. */
  per_tag: z.record(z.string(), z.int().check(z.positive())),
  /** The script that must succeed on each host of a batch, after it; empty if there is none. */
  check: z.string(),
});
export type RolloutSetting = Frozen<z.output<typeof rolloutSetting>>;

/** How far a rollout got, or has got up to now. */
export const rolloutReport = z.object({
  batches: z.int(),
  begun: z.int().check(z.describe("How many batches have begun.")),
  not_started: z
    .int()
    .check(
      z.describe("How many hosts were not asked; POST /runs/{reqid}/resume goes on with them."),
    ),
  stopped: z.exactOptional(
    z
      .string()
      .check(
        z.describe(
          "Why the rollout stopped, and after which batch; absent if it did not stop, or goes on.",
        ),
      ),
  ),
  checking: z.exactOptional(
    z
      .string()
      .check(
        z.describe(
          "The id of a check's run that is under way, or that was not waited for to its end: then it may go on.",
        ),
      ),
  ),
  next_at: z.exactOptional(
    z
      .string()
      .check(
        z.describe("When the pause before the next batch ends; absent unless there is one now."),
      ),
  ),
});
export type RolloutReport = Frozen<z.output<typeof rolloutReport>>;

/** Where it stopped. @param begun how many of its batches have begun */
export function stoppedWhere(begun: number, batches: number): string {
  return begun === 0 ? "before batch 1" : `after batch ${begun} of ${batches}`;
}

/** All at once; any failure stops it. */
export const PLAIN_ROLLOUT: RolloutSetting = {
  batch: [{ percent: 100 }],
  max_failures: { hosts: 0 },
  pause: 0,
  per_tag: {},
  check: "",
};

/** The number of batch sizes. */
export const MOST_SIZES = 100;

/** `1,10%,25%,100%`; undefined if it is not that. */
export function parseBatch(text: string): readonly SampleSize[] | undefined {
  const sizes = text.split(",").map((word) => parseSampleSize(word.trim()));
  const read = sizes.flatMap((each) => each ?? []);
  return read.length === sizes.length && read.length <= MOST_SIZES ? read : undefined;
}

/** Why a text is not a list of sizes, as the end of a sentence. */
export function batchProblem(text: string): string {
  const words = text.split(",").map((word) => word.trim());
  const wrong = words.find((word) => parseSampleSize(word) === undefined);
  return wrong === undefined ? `it has more than ${MOST_SIZES} sizes` : sizeProblem(wrong);
}

/** `3`, `5%` or `0`; undefined if it is not that. */
export function parseMaxFailures(text: string): SampleSize | undefined {
  return text === "0" || text === "0%" ? { hosts: 0 } : parseSampleSize(text);
}

/** Why parsePerTag() does not take a text, as the end of a sentence. */
export function perTagProblem(text: string): string {
  const wrong = text.split(",").find((word) => !PER_TAG.test(word));
  if (wrong === undefined) return "it has a key twice";
  const [, number] = /^\s*[^=\s]+=(-?\d+)\s*$/.exec(wrong) ?? [];
  if (number !== undefined) return `${number} is not between 1 and 999999`;
  return `"${wrong}" is not the key of a tag, = and a number of hosts`;
}

const PER_TAG = /^\s*([^=\s]+)=([1-9]\d{0,5})\s*$/;

/** `rack=1`, `rack=1,zone=5`; undefined if it is not that. */
export function parsePerTag(text: string): Readonly<Record<string, number>> | undefined {
  const bounds = text.split(",").map((word) => PER_TAG.exec(word));
  const entries = bounds.flatMap((match): [string, number][] =>
    match === null ? [] : [[match[1] ?? "", Number(match[2])]],
  );
  const read = Object.fromEntries(entries);
  return Object.keys(read).length === bounds.length ? read : undefined;
}

/** How many of this number of hosts may fail. */
export function allowedFailures(most: SampleSize, total: number): number {
  return "hosts" in most ? most.hosts : Math.floor((most.percent * total) / 100);
}

/** For this number of hosts; at least 1, because empty batches would never end. */
export function batchSize(of: SampleSize, total: number): number {
  return Math.max(1, "hosts" in of ? of.hosts : Math.floor((of.percent * total) / 100));
}
