/**
 * A run's result on one host, and a run with the results of all its hosts. This is the one schema of both: the
 * wire (wire/messages.ts), the record (controller/runs/stored-runs.ts), the API (api/schemas.ts) and the screen
 * derive theirs from it, and say where they differ. A member that is added here is added everywhere. The
 * descriptions are what the API's document says.
 */
import * as z from "zod/mini";
import type { Frozen } from "./json.ts";
import { RUN_STATES, type RunEnd } from "./run-state.ts";
import type { LongText } from "./wire/json-pieces.ts";

const text = z.string();
const count = z.int().check(z.nonnegative());

export const requestId = z.string().check(z.regex(/^[0-9a-f]{16}$/), z.describe("16 hex digits."));

export const roundTrip = z.string().check(z.describe("Milliseconds with their unit: 42ms."));

/** In the order of docs/PROTOCOL.md, section 5, which scripts grep for. */
export const runResult = z.object({
  host: text,
  script: text,
  exit: z
    .int()
    .check(z.describe("The script's own code; 126 killed or not executable; -1 none, see state.")),
  stdout: text,
  stderr: text,
  rtt: roundTrip,
  reqid: requestId,
  state: z
    .enum(RUN_STATES)
    .check(
      z.describe(
        "Whether the script ran. ended: it ran and is over. never-ran: it did not, so running it again repeats nothing. unknown: the host may have been asked and no result came, so it may have run or still be running.",
      ),
    ),
  error: z
    .exactOptional(text)
    .check(z.describe("What went wrong; always there unless state is ended.")),
  stdout_b64: z
    .exactOptional(text)
    .check(z.describe("The exact bytes, base64, when they are not UTF-8.")),
  stderr_b64: z.exactOptional(text),
  signal: z.exactOptional(text).check(z.describe("The signal that ended the script.")),
  timed_out: z
    .exactOptional(z.boolean())
    .check(z.describe("The agent ended the script because its `timeout` was over.")),
  stdout_dropped: z
    .exactOptional(count)
    .check(
      z.describe(
        "Bytes of output that are not here: beyond what the agent keeps, or what could be recorded.",
      ),
    ),
  stderr_dropped: z.exactOptional(count),
});

/** A run from the moment it was accepted. */
export const runReport = z.object({
  reqid: requestId,
  script: text,
  hosts: z.array(text).check(z.describe("Every host of the run.")),
  results: z.array(runResult).check(z.describe("Of the hosts that are done.")),
  pending: z.array(text).check(z.describe("The hosts that are still out.")),
  complete: z.boolean(),
  submitter: text.check(z.describe("Who asked for the run, as they called themselves.")),
  /** ISO 8601, as `completed`. Empty in records of 0.8. */
  started: text,
  completed: z.nullable(text).check(z.describe("Null while hosts are out.")),
});

type Members = z.output<typeof runResult>;
type Output = "stdout" | "stderr" | "stdout_b64" | "stderr_b64";

/** The result as it is held: its outputs may be long texts, which nobody puts together (T69). */
export type RunResult = Frozen<Omit<Members, Output | keyof RunEnd>> &
  Frozen<Pick<Members, Output>, LongText> &
  RunEnd;

/** A run as its record has it, from the moment it was accepted. */
export type RunReportSoFar = Frozen<Omit<z.output<typeof runReport>, "results">> & {
  readonly results: readonly RunResult[];
};

export function runFailed({ exit, error }: RunResult): boolean {
  return exit !== 0 || error !== undefined;
}

/** Of a host that gave no result. @param rtt empty when it is not known */
export function withoutResult(
  { script, reqid }: { readonly script: string; readonly reqid: string },
  host: string,
  rtt: string,
  end: RunEnd,
): RunResult {
  // The order of docs/PROTOCOL.md, section 5, which scripts grep for.
  return { host, script, exit: -1, stdout: "", stderr: "", rtt, reqid, ...end };
}

/** @param change told the error, where there is one */
export function changeError(result: RunResult, change: (error: string) => string): RunResult {
  return result.error === undefined ? result : { ...result, error: change(result.error) };
}
