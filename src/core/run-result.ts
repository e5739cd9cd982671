/**
 * A run's result on one host. This is the only schema: the wire (wire/messages/run-reply.ts), the record
 * (controller/store/stored-run.ts), the API (api/schemas.ts) and the screen derive theirs from it, and say
 * where they differ. A member added here is added everywhere. What an agent tells of the end of a run (RunEnding, its
 * frame, and the line in the job's folder) has its members from here too; it is checked where it is read.
 */
import * as z from "zod/mini";
import type { Frozen } from "./json.ts";
import { RUN_STATES, type RunEnd } from "./run-state.ts";
import type { LongText } from "./wire/json-pieces.ts";

const text = z.string();
const maybeText = z.exactOptional(text);
const maybeCount = z.exactOptional(z.int().check(z.nonnegative()));

/** In the order of docs/PROTOCOL.md, section 5, which scripts grep for. */
export const runResult = z.object({
  host: text,
  script: text,
  exit: z.int(),
  stdout: text,
  stderr: text,
  rtt: text,
  reqid: text.check(z.regex(/^[0-9a-f]{16}$/)),
  state: z.enum(RUN_STATES),
  error: maybeText,
  stdout_b64: maybeText,
  stderr_b64: maybeText,
  signal: maybeText,
  timed_out: z.exactOptional(z.boolean()),
  stdout_dropped: maybeCount,
  stderr_dropped: maybeCount,
  stdout_unrecorded: maybeCount,
  stderr_unrecorded: maybeCount,
  cancelled: z.exactOptional(z.boolean()),
  cancelled_by: maybeText,
  started: maybeText,
  ended: maybeText,
});

type Members = z.output<typeof runResult>;

/** What an agent tells of an end, and a result says in the same words (run-event.ts). */
export type ToldOfEnd = Frozen<
  Pick<Members, "exit" | "signal" | "timed_out" | "cancelled" | "cancelled_by" | "error">
>;

/** What the members mean, for the API's document, which is generated on demand. */
export const RUN_RESULT_WORDS = {
  exit: "The exit status of the script; 126 if it was killed or is not executable; -1 if there is none, see state.",
  rtt: "Milliseconds with their unit: 42ms.",
  reqid: "16 hex digits.",
  state:
    "Whether the script ran. ended: it ran and has ended. never-ran: it did not run, so running it again repeats nothing. running: it is still running, and nobody here waits for it. lost: it ran (or may have), and its end cannot be known: the host went down while it ran, or its agent does not know it any more. unknown: the host may have been asked but no result came, so it may have run or still be running: ask again. queued: the host has not been asked yet, or has not begun it. not-started: the host was not asked, because the rollout had stopped.",
  error: "What went wrong; always present unless state is ended.",
  stdout_b64: "The exact bytes in base64, if they are not UTF-8.",
  signal: "The signal that ended the script.",
  timed_out: "The agent ended the script because its `timeout` had passed.",
  stdout_dropped:
    "How many bytes of output were dropped, because they were more than the agent keeps or than could be recorded.",
  stdout_unrecorded:
    "How many of these bytes came, and were not recorded for want of room: `logs` and the API's output get them from the agent, as long as it keeps the run.",
  cancelled: "Somebody asked for the script to be ended, and the agent ended it.",
  cancelled_by:
    "The user name under which that was asked. Without `cancelled`, it was asked before the run came to the host, and the script never ran.",
  started: "When the host started it, ISO 8601.",
  ended: "When it ended, ISO 8601.",
} as const satisfies Partial<Record<keyof Members, string>>;

type Output = "stdout" | "stderr" | "stdout_b64" | "stderr_b64";

/** The result in memory: its outputs may be long texts, which are never joined (T69). */
export type RunResult = Frozen<Omit<Members, Output | keyof RunEnd>> &
  Frozen<Pick<Members, Output>, LongText> &
  RunEnd;

export function runFailed({ exit, error }: Pick<RunResult, "exit" | "error">): boolean {
  return exit !== 0 || error !== undefined;
}

/** How many bytes of what the script printed are missing; undefined if none are. */
export function droppedBytes({
  stdout_dropped = 0,
  stderr_dropped = 0,
}: Pick<RunResult, "stdout_dropped" | "stderr_dropped">): number | undefined {
  return stdout_dropped + stderr_dropped || undefined;
}

/** For a host that gave no result. @param rtt empty if unknown */
export function withoutResult(
  { script, reqid }: { readonly script: string; readonly reqid: string },
  host: string,
  rtt: string,
  end: RunEnd,
): RunResult {
  // The order of docs/PROTOCOL.md, section 5, which scripts grep for.
  return { host, script, exit: -1, stdout: "", stderr: "", rtt, reqid, ...end };
}

/** @param change is given the error, if there is one */
export function changeError(result: RunResult, change: (error: string) => string): RunResult {
  return result.error === undefined ? result : { ...result, error: change(result.error) };
}
