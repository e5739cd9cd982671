/**
 * Whether a script ran: what every result says, on the wire (docs/PROTOCOL.md, "Whether the script ran"), in
 * the API, in records and on the screen. Only what never ran is safe to run again.
 */
import { saysNeverStarted } from "./start-failure.ts";

/**
 * - `ended`: it ran, and is over; an `error` beside it says that it had to be ended, or that its output was lost
 * - `never-ran`: it did not run, and this request will not make it run
 * - `unknown`: the agent may have been asked, and no answer tells: it may have run, or still be running
 */
export const RUN_STATES = ["ended", "never-ran", "unknown"] as const;
export type RunState = (typeof RUN_STATES)[number];

/** Anything but `ended` says why. */
export type RunEnd =
  | { readonly state: "ended"; readonly error?: string }
  | { readonly state: "never-ran" | "unknown"; readonly error: string };

/** How a run ended, as an agent or a record says it. */
export interface ToldEnd {
  readonly exit: number;
  readonly signal?: string | undefined;
  readonly timed_out?: boolean | undefined;
  readonly error?: string | undefined;
  /** Any word; undefined from 0.8 and 1.0. */
  readonly state?: string | undefined;
}

const NOT_EXECUTED = 126;
/** In place of an error that is empty or missing. */
const UNNAMED = "the agent reports an error and does not say which";
const UNSAID = {
  "never-ran": "the agent does not say why it did not run the script",
  unknown: "the agent does not say whether the script ran",
} as const;

/**
 * @param noExit what an exit of -1 stands for where no state is told. Agents of 0.8 and 1.0 said it of what
 *   never ran; their control hosts recorded it of answers that did not come, too.
 */
export function readRunEnd(told: ToldEnd, noExit: "never-ran" | "unknown"): RunEnd {
  const { state, error } = told;
  const known = state === undefined ? impliedState(told, noExit) : knownState(state);
  return runEnd(known, error ?? (known === "ended" ? contradiction(told) : undefined));
}

export function runEnd(state: RunState, error: string | undefined): RunEnd {
  if (state !== "ended") return { state, error: error || UNSAID[state] };
  return error === undefined ? { state } : { state, error: error || UNNAMED };
}

/** What does not go together is no success, and says why. */
function contradiction({ exit, signal, timed_out }: ToldEnd): string | undefined {
  if (exit === -1) return "the agent says that the script has ended, and gives no exit status";
  if (exit !== 0) return undefined;
  if (signal !== undefined)
    return "the agent says that a signal ended the script, and that it ended with 0";
  return timed_out
    ? "the agent says that the script took too long, and that it ended with 0"
    : undefined;
}

/** A word of a later version is not guessed at. */
function knownState(word: string): RunState {
  return RUN_STATES.find((state) => state === word) ?? "unknown";
}

/** 126 is the script's own, or a signal's, or of what could not be executed: 1.0 tells these apart, 0.8 does not. */
function impliedState(told: ToldEnd, noExit: "never-ran" | "unknown"): RunState {
  const { exit, signal, timed_out, error } = told;
  if (exit === -1) return noExit;
  if (exit !== NOT_EXECUTED || signal !== undefined || timed_out === true) return "ended";
  return error !== undefined && saysNeverStarted(error) ? "never-ran" : "unknown";
}

/**
 * The state that an answer without a result stands for. An agent refuses before it runs anything, with 4xx, or
 * with 503 when it has no room; whatever else went wrong there may have gone wrong afterwards.
 */
export function stateOfRefusal(status: number): "never-ran" | "unknown" {
  return (status >= 400 && status < 500) || status === 503 ? "never-ran" : "unknown";
}
