/**
 * A run as a job of the agent: what others may ask of it. It has a folder that outlives the agent's process; an
 * agent that starts again takes over the jobs of the one before.
 */
import type { OutputStream, RunEnding, RunEvent, StreamOffsets } from "../../core/run-event.ts";
import type { AllowedScript } from "../scripts/allowlist.ts";
import type { OutputSource } from "../scripts/output-text.ts";
import type { ScriptJudgement } from "../scripts/script-file.ts";

/** A run that is allowed: everything has been checked, except whether there is room for it. */
export interface RunOrder {
  /** As the control host sent it: 16 hex digits. */
  readonly reqid: string;
  readonly script: AllowedScript;
  readonly judged: ScriptJudgement;
  readonly args: readonly string[];
  readonly username: string;
  /** Passed to the script, and never written to a file. */
  readonly token: string;
  readonly peerIp: string;
  /** The hub through which it came; undefined if it came directly. */
  readonly hub?: string | undefined;
  /** Refuse it if the same script is already running here as a job. */
  readonly lock: boolean;
  /** Seconds; the script's own limit counts if it is lower. */
  readonly timeout: number | undefined;
}

/** What it is refused for, if it is. @param script its name */
export interface OrderClaim extends Pick<RunOrder, "reqid" | "lock"> {
  readonly script: string;
}

/** What is known of a job at one moment. */
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

/** The part of a stream that is kept. Reading it throws if the folder is gone. */
export interface KeptOutput extends OutputSource {
  /** How many more bytes were printed. */
  readonly dropped: number;
}

/** A run that this agent has begun. */
export interface BegunRun {
  readonly facts: JobFacts;
  /** Resolves once its end is logged; never rejects. */
  readonly ended: Promise<RunEnding>;
  /**
   * Once it has ended, and once for each stream.
   *
   * @param hide puts marks over the caller's token, for those who do not have it (T27)
   */
  output(stream: OutputStream, hide: boolean): KeptOutput;
}

/** A run that is kept: its end is on disk before it is reported. */
export interface Job extends BegunRun {
  /**
   * Its events from these offsets on: `begin`, output as it comes, `end`. They are pulled, so a slow reader costs no
   * memory. Ends early, without `end`, when the signal is aborted. `alive` is left to the sender.
   *
   * @param hide as above
   * @throws if its folder is gone
   */
  follow(from: StreamOffsets, signal: AbortSignal, hide: boolean): AsyncIterable<RunEvent>;
  /** Its folder stays until the function that this returns is called; one call is enough. */
  hold(): () => void;
}

export interface Withdrawn {
  readonly kind: "withdrawn";
  /** Who has cancelled it; empty if that is not known. */
  readonly by: string;
}

/** Why an order is refused, whatever room there is. */
export type OrderRefusal =
  /** The same script is running here, or what is left of a lost run of it, and the order asks for a lock. */
  | { readonly kind: "busy"; readonly reqid: string }
  /** There was a run with this reqid: nothing has run now. */
  | { readonly kind: "used" }
  /** It was withdrawn before it arrived: nothing has run, and nothing will. */
  | Withdrawn;

export type StartOutcome =
  /**
   * Its end may already be known: then the script could not be executed, or was quick. The job is held until `letGo`
   * is called.
   */
  | { readonly kind: "started"; readonly job: Job; letGo(): void }
  | OrderRefusal
  /** No job can be kept on this host: nothing has run. @param problem why, and how to correct it */
  | { readonly kind: "no-room"; readonly problem: string };

export interface CancelOutcome {
  readonly script: string;
  /** Its end is known. */
  readonly ended: boolean;
  /** How many processes could not be ended. */
  readonly left: number;
  /** Why, if it is known. */
  readonly reason: string | undefined;
}

export type Withdrawal =
  /** There is such a run. */
  | { readonly kind: "known" }
  /** It will not start from now on. @param knownMs it has not run either, if it was asked for within this time */
  | { readonly kind: "withdrawn"; readonly knownMs: number }
  /** The next agent would not know about it, and might start it: nothing is promised. */
  | { readonly kind: "unnoted"; readonly problem: string };

export interface Jobs {
  /** What `start` would refuse it for now; undefined if nothing. Never rejects. */
  refusal(order: OrderClaim): Promise<OrderRefusal | undefined>;
  /** Resolves once the script has started, or has not. Never rejects. */
  start(order: RunOrder): Promise<StartOutcome>;
  /**
   * The same for a run that ends with this process, and that nobody can come back to.
   * @param problem why it could not be kept, for the log
   */
  startUnkept(order: RunOrder, problem?: string): Promise<BegunRun>;
  /** One that is under way, kept or not. */
  running(reqid: string): JobFacts | undefined;
  find(reqid: string): Job | undefined;
  /**
   * Ends everything that its script has started; resolves when that is done, as far as possible. Never rejects.
   *
   * @param by who asks for it
   * @returns undefined if it is not running
   */
  cancel(reqid: string, by: string, graceMs: number): Promise<CancelOutcome | undefined>;
  /**
   * The request ids of runs of this script whose end nobody has seen, and some of whose processes are still running.
   * Never rejects.
   */
  lostRuns(script: string): Promise<readonly string[]>;
  /**
   * Nobody waits for it any more. If it has not arrived by now, it will not start.
   *
   * @param by who has cancelled it; empty if nobody has
   */
  withdraw(reqid: string, by: string): Withdrawal;
  /** For how many milliseconds the agent has forgotten no run; 0 if this one was withdrawn, or may be known. */
  knownMs(reqid: string): number;
  /** Those that are running and those that are kept, newest first. */
  list(): Promise<readonly JobFacts[]>;
}
