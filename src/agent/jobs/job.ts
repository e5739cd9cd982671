/**
 * A run as a job of the agent: what others may ask of it. It has a folder (job-folder.ts) that outlives the
 * agent's process; an agent that starts again takes over the jobs of the one before.
 */
import type { OutputStream, RunEnding, RunEvent } from "../../core/run-event.ts";
import type { Captured } from "../../system/process/capture.ts";
import type { AllowedScript } from "../scripts/allowlist.ts";
import type { ScriptJudgement } from "../scripts/script-file.ts";

/** A run that is allowed: everything has been checked but whether there is room for it. */
export interface RunOrder {
  /** As the control host sent it. If it is not 16 hex digits, nobody can ask for the job later. */
  readonly reqid: string;
  readonly script: AllowedScript;
  readonly judged: ScriptJudgement;
  readonly args: readonly string[];
  readonly username: string;
  /** Passed to the script, and never written to a file. */
  readonly token: string;
  readonly peerIp: string;
  /** Refuse it while the same script runs here as a job. */
  readonly lock: boolean;
  /** Seconds; the script's own limit counts if it is lower. */
  readonly timeout: number | undefined;
}

/** What is known of a job at a moment. */
export interface JobFacts {
  readonly reqid: string;
  readonly script: string;
  readonly username: string;
  readonly state: "running" | RunEnding["state"];
  /** ISO 8601; empty if the script never started. */
  readonly started: string;
  /** ISO 8601; undefined while it runs. */
  readonly ended: string | undefined;
}

/** The offset of the next byte that is wanted of each stream. */
export type Offsets = Readonly<Record<OutputStream, number>>;

export interface Job {
  readonly facts: JobFacts;
  /** Resolves once its end is on disk; never rejects. */
  readonly ended: Promise<RunEnding>;
  /**
   * Its events from these offsets on: `begin`, output as it comes, `end`. Pulled, so a slow reader costs no
   * memory. Ends early, without `end`, when the signal is aborted. `alive` is left to who sends them.
   */
  follow(from: Offsets, signal: AbortSignal): AsyncIterable<RunEvent>;
  /** What is kept of a stream, and how much of it was dropped. */
  output(stream: OutputStream): Promise<Captured>;
}

export type StartOutcome =
  /** Its end may be known already: then the script could not be executed, or was quick. */
  | { readonly kind: "started"; readonly job: Job }
  /** The same script runs here, and the order asks for a lock. */
  | { readonly kind: "busy"; readonly reqid: string }
  /** Nothing has run. @param problem for the caller */
  | { readonly kind: "refused"; readonly problem: string; readonly reason: string };

export interface Jobs {
  /** Resolves once the script has started, or has not. Never rejects. */
  start(order: RunOrder): Promise<StartOutcome>;
  find(reqid: string): Job | undefined;
  /** Those that run and those that are kept, the newest first. Only those that find() finds. */
  list(): readonly JobFacts[];
}
