/** The records of runs. See ../ports.ts. */
import type { Outputs } from "../../../core/output-bytes.ts";
import type { ReplyAccount, ReplyShare } from "../../../core/reply-budget.ts";
import type { RolloutSetting } from "../../../core/rollout.ts";
import type { OutputStream, StreamOffsets } from "../../../core/run-event.ts";
import type { RunReportSoFar } from "../../../core/run-report.ts";
import type { RunResult } from "../../../core/run-result.ts";
import type { RunState } from "../../../core/run-state.ts";
import type { RolloutMessage } from "../../../core/wire/run-messages.ts";
import type { RolloutWish } from "./rollouts.ts";

export interface RunFacts {
  readonly reqid: string;
  readonly script: string;
  readonly hosts: readonly string[];
  /** For each host, its port if it was not called as recorded; undefined if all were. */
  readonly ports?: readonly (number | null)[];
  readonly submitter: string;
  /** Must not reach the record (T27). */
  readonly token: string;
  readonly rollout?: RolloutFacts;
  /** The rollout of which it is a check. */
  readonly check_of?: string | undefined;
}

/** How a run is done a few hosts at a time, and how far it has got. */
export interface RolloutFacts extends RolloutSetting {
  /** The hosts of batches that have not begun: nothing was sent to them. */
  readonly waiting: readonly string[];
  /** Its batches, with each host by its position in the run. */
  readonly batches: readonly (readonly number[])[];
  /** How many of the batches have begun. */
  readonly begun: number;
  /** The run of the last batch's check, from before it begins until the next batch. */
  readonly checking?: string | undefined;
  /** When the pause before the next batch ends, ISO 8601; it means nothing when that has begun, or nobody waits. */
  readonly next_at?: string | undefined;
  /** The messages about it so far. */
  readonly told?: readonly RolloutMessage[];
  /** The hosts that were not registered when it began, each by its position in the run; absent if all were. */
  readonly unregistered?: readonly number[] | undefined;
  /** Who has resumed it, and when: the last ones. */
  readonly resumed_by?: readonly RolloutWish[];
}

/** What changes in it when a batch or a check begins. */
export type RolloutStep = Partial<Pick<RolloutFacts, "waiting" | "begun" | "checking" | "next_at">>;

/** `taken-over`: another process has the record. This process writes nothing more there, and must not do anything. */
export type StepNoted = "noted" | "not-noted" | "taken-over";

/** The record of a run under way. */
export interface RunRecord {
  /** Resolves with whether there is a record; failures are logged. */
  readonly stored: Promise<boolean>;
  /**
   * Receives what a host prints, as it comes. If the output is long, the result that is added later must have what
   * this returns at the end.
   *
   * @param share of what may be held in memory
   */
  output(host: string, share: ReplyShare): HostOutput;
  /** Its agent has reported that it has started the script. @param started ISO 8601 */
  begun(host: string, started: string): void;
  /** Results added after `close` are ignored. */
  add(result: RunResult): void;
  /**
   * A rollout goes one step further. Resolves with whether that is recorded, so that it survives the end of this
   * process and a power cut; failures are logged.
   */
  step(step: RolloutStep): Promise<StepNoted>;
  /** For those who follow a rollout: it is recorded soon, or with the next step. */
  tell(message: RolloutMessage): void;
  /** Resolves when it was noticed, before a write, that another process has taken the record over. */
  readonly takenOver: Promise<void>;
  /** Completes the record. Never rejects. Resolves with whether all results are complete in it. */
  close(): Promise<boolean>;
  /** The run was not begun: nothing more is written. */
  discard(): void;
  /** Writes what there is for the process that goes on with it, and nothing more. Never rejects. */
  leave(): Promise<void>;
}

/** What a host prints, as it comes. */
export interface HostOutput {
  /** Resolves when it is kept, or left out: then more may come. Never rejects; failures are logged. */
  take(stream: OutputStream, bytes: Uint8Array): Promise<void> | void;
  /** Called when no more comes. Never rejects. */
  end(): Promise<KeptOutput>;
}

export interface KeptOutput extends Outputs {
  /** How many bytes of each stream are kept. */
  readonly bytes: StreamOffsets;
  /** How many came and are not kept. */
  readonly lost: StreamOffsets;
  /** Why there is nothing, for those who need it. */
  readonly error?: string;
}

export interface LateOutputs extends AsyncDisposable {
  /** @param share of what may be held in memory */
  of(host: string, share: ReplyShare): HostOutput;
  /** Removes what has not been recorded. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** A run as it is recorded, for callers that can ask the agents for more. */
export interface RecordedRun {
  readonly report: RunReportSoFar;
  /** Whether a process waits for its hosts and records their results, or will do so, if it is detached. */
  readonly alive: boolean;
  /** Its record was completed by the process that began it. */
  readonly closed: boolean;
  /** A rollout that nobody carries out now, and that ctrl-exec-api goes on with when it runs. */
  readonly detached: boolean;
  /** While its process is alive: where the script has started, and when. */
  readonly begun: ReadonlyMap<string, string>;
  /** Every host of the run, so that its agent can be asked. */
  readonly asked: readonly OpenHost[];
  /** Those of them whose end is not recorded: without a result, or with one that says that it is not known. */
  readonly open: readonly OpenHost[];
  /** Set if it is a rollout. */
  readonly rollout?: RolloutFacts;
}

export interface OpenHost {
  /** As in the report. */
  readonly host: string;
  /** Undefined if it was called as recorded. */
  readonly port: number | undefined;
}

/** Which runs to list; each member that is present narrows the list. */
export interface RunFilter {
  /** At most this many, the newest ones. */
  readonly limit: number;
  /** One of these is a host of the run; their ports are ignored. */
  readonly hosts?: readonly string[] | undefined;
  readonly script?: string | undefined;
  readonly submitter?: string | undefined;
  /** Leaves out the runs that these users have submitted. */
  readonly notBy?: readonly string[] | undefined;
  /** The state of at least one of its hosts; if `hosts` are given, of one of those. */
  readonly state?: RunState | undefined;
  /** Something went wrong on at least one of its hosts; if `hosts` are given, on one of those. */
  readonly failed?: true | undefined;
  /** Started at this time or later. */
  readonly since?: Date | undefined;
  /** After the run at this position. */
  readonly after?: RunPlace | undefined;
}

/** The position of a run in the list; later runs may come before it. */
export interface RunPlace {
  /** Milliseconds since 1970. */
  readonly began: number;
  readonly touched: number;
  readonly reqid: string;
}

/** A run without its outputs. */
export interface ListedRun {
  readonly reqid: string;
  readonly script: string;
  readonly submitter: string;
  /** ISO 8601. Empty in records of 0.8. */
  readonly started: string;
  /** Null while results are still to come. */
  readonly completed: string | null;
  readonly hosts: readonly ListedHost[];
  /** The rollout of which it is a check. */
  readonly check_of?: string;
}

export interface ListedHost {
  readonly host: string;
  /** `running` also if there is no result yet. */
  readonly state: RunState;
  /** Null without a result, and while the script is running. */
  readonly exit: number | null;
  /** As judged by `run` and `status`; false while the script is running. */
  readonly failed: boolean;
  /** Absent unless somebody asked for it to be ended. */
  readonly cancelled?: true;
}

export interface ListedRuns {
  /** Newest first. */
  readonly runs: readonly (ListedRun & { readonly place: RunPlace })[];
  /** The ids of those whose record is damaged or cannot be read; they are not in `runs`. */
  readonly unreadable: readonly string[];
}

export interface RunStore {
  /**
   * @param durable the record survives a power cut: for a run that nobody waits for
   * @throws CtrlExecError `bad-request` if it is not a request id
   */
  begin(facts: RunFacts, durable: boolean): Promise<RunRecord>;
  /**
   * Resumes the record of a rollout that has stopped: it is under way again. Undefined if it already is, or if the
   * hosts that wait are not all `not-started`.
   *
   * @param facts as when it was begun, and the hosts that wait now
   * @param account what is read counts there until it is closed
   * @throws CtrlExecError as read()
   */
  goOn(
    facts: RunFacts & { readonly rollout: RolloutFacts },
    account: ReplyAccount,
  ): Promise<RunRecord | undefined>;
  /**
   * Who submitted the run; cheap, whatever the hosts have printed (T67). Undefined if there is no such run, or
   * its record does not say.
   */
  submitterOf(reqid: string): Promise<string | undefined>;
  /**
   * The run so far; undefined if it is unknown or no longer kept. A minute after its process has ended, the run is
   * complete, and the hosts without a result are `unknown`.
   *
   * @param account what is read counts there until it is closed
   * @throws CtrlExecError `damaged`, `storage`, or `busy` if there is no room for it
   */
  read(reqid: string, account: ReplyAccount): Promise<RunReportSoFar | undefined>;
  /** The same, with what it needs to ask its hosts again. @throws as read() */
  readOpen(reqid: string, account: ReplyAccount): Promise<RecordedRun | undefined>;
  /** Differs whenever the record may have changed; cheap, however long the record is. */
  version(reqid: string): Promise<string>;
  /** Receives what hosts have printed in a run whose process has ended, for results that amend() then records. */
  lateOutputs(run: Pick<RunReportSoFar, "reqid" | "hosts">): Promise<LateOutputs>;
  /** What is stored here of a host's output whose end is not recorded: the beginning of it, or nothing. */
  leftOutput(run: Pick<RunReportSoFar, "reqid" | "hosts">, host: string): Promise<Outputs>;
  /**
   * Records what the agents reported about a run later, in place of what was recorded for these hosts. Does nothing
   * if its process is alive, or if there is no such run. Resolves with whether it was recorded; failures are logged.
   */
  amend(reqid: string, results: readonly RunResult[], account: ReplyAccount): Promise<boolean>;
  /** Whether anything was ever recorded here. @throws CtrlExecError `config` if this user may not look */
  wasUsed(): Promise<boolean>;
  /** The names of scripts that ran on one of the hosts, or on any if none is named, in alphabetical order. */
  scriptsSeen(hosts: readonly string[]): Promise<readonly string[]>;
  /**
   * The newest runs that match, as recorded up to now.
   *
   * @throws CtrlExecError `storage` if the records cannot be read, `busy` if other processes use the index for too long
   */
  list(filter: RunFilter): Promise<ListedRuns>;
  /** Makes the next list() quick, if runs have been listed before. Never rejects; a problem is logged. */
  prepareList(): Promise<void>;
  /** Removes expired records with their outputs, and the oldest beyond run_records_max. Returns how many. */
  purge(): Promise<number>;
}
