/**
 * What can be learned about one run on one host while it is under way (docs/PROTOCOL.md, section 9). The agent makes
 * these events, frames carry them (wire/frames.ts), and the control host records and shows them.
 */

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

/** How a run ended, as its agent knows it. */
export interface RunEnding {
  /**
   * `lost`: the host went down while it ran, or the process that watched it was killed: it ran, and its end is not
   * known.
   */
  readonly state: "ended" | "never-ran" | "lost";
  /** The script's own; 126 if a signal ended it or it could not be executed; -1 if there is none. */
  readonly exit: number;
  readonly signal?: string;
  readonly timed_out?: boolean;
  readonly cancelled?: boolean;
  /** Who asked for that, by the name that the control host gave. */
  readonly cancelled_by?: string;
  /** Always there unless `state` is `ended`. */
  readonly error?: string;
  /** ISO 8601. Empty if it never started. */
  readonly started: string;
  readonly ended: string;
  /** How many bytes the script wrote, including those that were dropped. */
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
}
