/**
 * Whether a script ran, as every result says: on the wire (docs/PROTOCOL.md, "Whether the script ran"), in the
 * API, in records and on the screen. Only a script that never ran is safe to run again.
 */
import { inWords, saysNeverStarted } from "./start-failure.ts";

/**
 * - `queued`: the host has not been asked yet, or has not begun it
 * - `running`: the agent has started it, and has not said that it has ended; a result has this state if nobody
 *   waits any longer
 * - `ended`: it ran and has ended; an `error` then says that it had to be ended, or that its output was lost
 * - `never-ran`: it did not run, and this request will not make it run
 * - `unknown`: the agent may have been asked, and no answer says more: it may have run, or still be running
 * - `lost`: it ran (or may have), and its end cannot be known: the host went down under it, or its agent does
 *   not know it any more
 * - `not-started`: the host was not asked, because its rollout stopped before; `--resume` goes on with it
 */
export const RUN_STATES = [
  "queued",
  "running",
  "ended",
  "never-ran",
  "unknown",
  "lost",
  "not-started",
] as const;
export type RunState = (typeof RUN_STATES)[number];

/** Whether more may be learned about it from its agent. */
export function goesOn(state: RunState): state is "queued" | "running" {
  return state === "queued" || state === "running";
}

/** Any state but `queued`, `running` and `ended` comes with the reason. */
export type RunEnd =
  | { readonly state: "queued" | "running" | "ended"; readonly error?: string }
  | {
      readonly state: "never-ran" | "unknown" | "lost" | "not-started";
      readonly error: string;
    };

/** How a run ended, according to an agent or a record. */
export interface ToldEnd {
  readonly exit: number;
  readonly signal?: string | undefined;
  readonly timed_out?: boolean | undefined;
  readonly error?: string | undefined;
  /** Any word; undefined from 0.8 and 1.0. */
  readonly state?: string | undefined;
}

const NOT_EXECUTED = 126;
/** Replaces an error that is empty or missing. */
const UNNAMED = "the agent reports an error and does not say which";
const UNSAID = {
  "never-ran": "the agent does not say why it did not run the script",
  unknown: "the agent does not say whether the script ran",
  lost: "the agent does not say why the script's end is not known",
  "not-started": "the record does not say why the rollout stopped",
} as const;

/**
 * @param noExit what an exit of -1 means if there is no state. Agents of 0.8 and 1.0 used it for scripts that
 * never ran; their control hosts also recorded it when no answer came.
 */
export function readRunEnd(told: ToldEnd, noExit: "never-ran" | "unknown"): RunEnd {
  const { state, error } = told;
  const known = state === undefined ? impliedState(told, noExit) : knownState(state);
  return runEnd(known, error ?? whyNoSuccess(told, known));
}

/** The same if nothing more will be reported: an end that is not one says nothing. */
export function readLastEnd(told: ToldEnd, noExit: "never-ran" | "unknown"): RunEnd {
  const { state, error } = readRunEnd(told, noExit);
  return runEnd(goesOn(state) ? "unknown" : state, error);
}

/** The last state that an agent reports; it cannot speak for a rollout. */
export function readAgentEnd(told: ToldEnd): RunEnd {
  const { state, error } = readLastEnd(told, "never-ran");
  return runEnd(state === "not-started" ? "unknown" : state, error && inWords(error));
}

/** So that only a script that has ended with 0 counts as a success. */
function whyNoSuccess(told: ToldEnd, state: RunState): string | undefined {
  if (state === "ended") return contradiction(told);
  return goesOn(state) ? "the agent says that the script has not ended" : undefined;
}

export function runEnd(state: RunState, error: string | undefined): RunEnd {
  if (!goesOn(state) && state !== "ended") return { state, error: error || UNSAID[state] };
  return error === undefined ? { state } : { state, error: error || UNNAMED };
}

/** Why the members contradict each other, which is never a success. */
function contradiction({ exit, signal, timed_out }: ToldEnd): string | undefined {
  if (exit === -1) return "the agent says that the script has ended, and gives no exit status";
  if (exit !== 0) return undefined;
  if (signal !== undefined)
    return "the agent says that a signal ended the script, and that it ended with 0";
  return timed_out
    ? "the agent says that the script took too long, and that it ended with 0"
    : undefined;
}

/** A word of a later version counts as unknown. */
function knownState(word: string): RunState {
  return RUN_STATES.find((state) => state === word) ?? "unknown";
}

/**
 * 126 may be the script's own, or mean a signal, or that it could not be executed: 1.0 distinguishes these, 0.8
 * does not.
 */
function impliedState(told: ToldEnd, noExit: "never-ran" | "unknown"): RunState {
  const { exit, signal, timed_out, error } = told;
  if (exit === -1) return noExit;
  if (exit !== NOT_EXECUTED || signal !== undefined || timed_out === true) return "ended";
  return error !== undefined && saysNeverStarted(error) ? "never-ran" : "unknown";
}

/**
 * The state for an answer without a result. An agent refuses before it runs anything, with 4xx, or with 503 if
 * it has no room; any other failure may have happened afterwards.
 */
export function stateOfRefusal(status: number): "never-ran" | "unknown" {
  return (status >= 400 && status < 500) || status === 503 ? "never-ran" : "unknown";
}
