/**
 * What the control host must not forget, as the use-cases see it: what can be asked and changed, whatever keeps it.
 * file-store.ts keeps it in files (docs/PROTOCOL.md, section 4). Every method changes all or nothing, and what it
 * has changed holds for every process of this control host when it resolves. test/unit/controller/store/store-suite.ts
 * is what any implementation must pass.
 */
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { RunResult } from "../../core/run-result.ts";
import type { ReplyAccount } from "../fleet/reply-budget.ts";

export interface Store {
  readonly locks: LockStore;
  readonly runs: RunStore;
  /** Removes what killed writes have left. Never rejects. */
  removeLeftovers(): Promise<void>;
}

/** A script on a host: what runs once at a time. */
export interface RunLockKey {
  /** In lower case, an address in its one spelling. */
  readonly host: string;
  /** Where it tells the host from others at its address. */
  readonly port: number | undefined;
  readonly script: string;
}

/** Who holds a lock, and for which run. */
export interface RunLockHolder {
  readonly host: string;
  /** Not in the locks of earlier versions. */
  readonly port?: number | undefined;
  readonly script: string;
  readonly pid: number;
  readonly user: string;
  /** ISO 8601. */
  readonly since: string;
  readonly reqid: string;
}

export interface WantedRunLock {
  readonly key: RunLockKey;
  /** What others are told while it is held. */
  readonly holder: RunLockHolder;
}

/** Held until it is released or its process has ended, however that ends. */
export interface HeldRunLock {
  /** Never rejects: at the latest the end of the process releases it. */
  release(): Promise<void>;
}

export type TakenLocks =
  /** One for each that was asked for, in that order. */
  | { readonly kind: "held"; readonly held: readonly HeldRunLock[] }
  /** None is held: these are another's. */
  | { readonly kind: "conflict"; readonly conflicts: readonly RunLockKey[] };

export interface LockStore {
  /**
   * All of them or none, without waiting for who holds one.
   *
   * @param wanted no two of the same key
   * @throws CtrlExecError `busy` when this process cannot hold so many
   */
  take(wanted: readonly WantedRunLock[]): Promise<TakenLocks>;
  holders(): Promise<readonly RunLockHolder[]>;
  /** Forgets what nobody has used for a day. Returns how many. */
  dropUnused(): Promise<number>;
}

export interface RunFacts {
  readonly reqid: string;
  readonly script: string;
  readonly hosts: readonly string[];
  readonly submitter: string;
  /** What must not reach the record (T27). */
  readonly token: string;
}

/** The record of a run under way. */
export interface RunRecord {
  /** Resolves with whether there is a record; what went wrong is logged. */
  readonly stored: Promise<boolean>;
  /** Before `close`; what comes later is too late. */
  add(result: RunResult): void;
  /** Completes the record. Never rejects. Resolves with whether it has all of every result. */
  close(): Promise<boolean>;
  /** The run was not begun: nothing more is written. */
  discard(): void;
}

export interface RunStore {
  /** @param durable the record outlives a power cut: for a run that nobody waits for */
  begin(facts: RunFacts, durable: boolean): RunRecord;
  /**
   * Who submitted the run, found cheaply, whatever the hosts have printed (T67). Undefined when there is no such
   * run, or its record does not say.
   */
  submitterOf(reqid: string): Promise<string | undefined>;
  /**
   * The run as far as it has come; undefined when nothing is known of it, or no longer.
   *
   * @param account where what is read counts until it is closed
   * @throws CtrlExecError `damaged`, `storage`, or `busy` when there is no room for it
   */
  read(reqid: string, account: ReplyAccount): Promise<RunReportSoFar | undefined>;
  /** The names of scripts that ran on one of the hosts, or on any when none is named, in alphabetical order. */
  scriptsSeen(hosts: readonly string[]): Promise<readonly string[]>;
  /** Removes the records whose time is over, and the oldest of more than max_records. Returns how many. */
  purge(): Promise<number>;
}
