/**
 * What can be learned about one run on one host while it is under way (docs/PROTOCOL.md, section 9). The agent makes
 * these events, frames carry them (wire/frames.ts), and the control host records and shows them.
 */

import type { ToldOfEnd } from "./run-result.ts";
import type { RunState } from "./run-state.ts";

export const OUTPUT_STREAMS = ["stdout", "stderr"] as const;
export type OutputStream = (typeof OUTPUT_STREAMS)[number];

/** The offset of the next byte of each stream. */
export type StreamOffsets = Readonly<Record<OutputStream, number>>;

/** From the first byte of each. */
export const NO_OFFSETS: StreamOffsets = { stdout: 0, stderr: 0 };

/** The exit status of a run that has none. */
export const NO_EXIT = -1;

export type RunEvent =
  /** Comes first. `started` is ISO 8601. */
  | {
      readonly kind: "begin";
      readonly reqid: string;
      readonly script: string;
      readonly started: string;
    }
  /** Bytes as the script wrote them; `offset` counts all bytes of the stream, including those that were dropped. */
  | {
      readonly kind: "output";
      readonly stream: OutputStream;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  /** This many bytes from `offset` on were dropped: they were more than is kept. */
  | {
      readonly kind: "dropped";
      readonly stream: OutputStream;
      readonly offset: number;
      readonly bytes: number;
    }
  /** The script is silent, but its agent is not. */
  | { readonly kind: "alive" }
  /** Comes last. */
  | { readonly kind: "end"; readonly end: RunEnding };

/**
 * The states in which an agent's run is over. `lost`: the host went down while it ran, or the process that watched it
 * was killed: it ran, and its end is not known.
 */
export const END_STATES = ["ended", "never-ran", "lost"] as const satisfies readonly RunState[];

export function isEndState(state: unknown): state is RunEnding["state"] {
  return END_STATES.some((each) => each === state);
}

/** How a run ended, as its agent knows it. An `error` is always there unless `state` is `ended`. */
export interface RunEnding extends ToldOfEnd {
  readonly state: (typeof END_STATES)[number];
  /** ISO 8601. Empty if it never started. */
  readonly started: string;
  readonly ended: string;
  /** How many bytes the script wrote, including those that were dropped. */
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
}
