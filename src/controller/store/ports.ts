/**
 * What the control host stores, as the use-cases see it: what can be asked and changed, whatever stores it.
 * file-store.ts uses files (docs/PROTOCOL.md, section 4). Every method changes all or nothing, and when it
 * resolves, the change is visible to every process of this control host. Any implementation must pass
 * test/unit/controller/store/store-suite.ts.
 */
import type { ClockSighting } from "../../core/clock.ts";
import type { CtrlExecError } from "../../core/errors.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import type { RunResult } from "../../core/run-result.ts";
import type { RunState } from "../../core/run-state.ts";
import type { Serial } from "../../core/serial.ts";
import type { CodeCovers } from "../../core/wire/confirmation-code.ts";
import type { PairingAnswer } from "../../core/wire/messages.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import type { ReplyAccount } from "../fleet/reply-budget.ts";
import type { AgentRecord } from "./agent-record.ts";

export interface Store {
  readonly registry: RegistryStore;
  readonly clocks: ClockStore;
  readonly certificates: CertificateStore;
  readonly rotation: RotationStore;
  readonly pairing: PairingStore;
  readonly locks: LockStore;
  readonly runs: RunStore;
  /**
   * One writer at a time, across processes, for the registry, the pairing queue and the revocations (T30). If a
   * `change` rejects, what it has written may or may not last.
   *
   * @throws CtrlExecError `busy` if another one does not finish
   */
  exclusively<Result>(change: (writer: Writer) => Promise<Result>): Promise<Result>;
  /**
   * One at a time, across processes, changes certificates and serials: set-up, rotation, broadcast, renewal. Waits a
   * minute for another.
   *
   * @throws CtrlExecError `busy` when it is still at it
   */
  upkeep<Result>(work: () => Promise<Result>): Promise<Result>;
  /** The same without waiting: undefined, and nothing done, when another is at it. */
  upkeepIfFree<Result>(work: () => Promise<Result>): Promise<Result | undefined>;
  /** Removes what killed writes have left. Never rejects. */
  removeLeftovers(): Promise<void>;
}

/** Changes that only one process may make at a time. */
export interface Writer {
  /** Registers the host, or replaces its record. */
  putAgent(record: AgentRecord): Promise<void>;
  /** Resolves with whether it was registered. */
  removeAgent(hostname: string): Promise<boolean>;
  /** The request waits from now on. */
  addRequest(request: PendingRequest): Promise<void>;
  /** The request no longer waits, and its answer is stored for the process that holds its connection. */
  answerRequest(id: string, answer: PairingAnswer): Promise<void>;
  /** For whoever decides on the request too late. */
  rememberPushedOut(id: string): Promise<void>;
  /** Certificates with these serials are not accepted from now on. */
  revoke(serials: readonly Serial[], comment: string): Promise<void>;
}

/**
 * A host in the registry. A record that cannot be used still counts as a record: its host must not pass as
 * unregistered, because then nobody would check its name (T05).
 */
export type Registered =
  | { readonly kind: "agent"; readonly record: AgentRecord }
  | { readonly kind: "broken"; readonly broken: BrokenRecord };

/** A record that cannot be used, named so that somebody can mend it; it never hides the others. */
export interface BrokenRecord {
  /** In lower case, from the name of its file, which may not be a valid host name. */
  readonly hostname: string;
  /** Names the file and says what to do. */
  readonly problem: CtrlExecError;
}

export interface Registry {
  /** By lower-case host name. */
  readonly agents: ReadonlyMap<string, AgentRecord>;
  readonly broken: readonly BrokenRecord[];
}

/** Names are host names in any case. A record that cannot be used does not hide others. */
export interface RegistryStore {
  /** @throws CtrlExecError `config` if it cannot be read at all; so do the methods below */
  read(): Promise<Registry>;
  /** Undefined if nothing is registered under the name. */
  find(hostname: string): Promise<Registered | undefined>;
  /** Those of the names that are registered, by lower-case name. Reads no other record. */
  findAll(hostnames: readonly string[]): Promise<ReadonlyMap<string, Registered>>;
  /** Every registered host in lower case, in order. Reads no record. */
  names(): Promise<readonly string[]>;
  /** The hosts registered at each address, in lower case: usually one, or none. */
  namesAt(asked: readonly RegisteredAddress[]): Promise<readonly (readonly string[])[]>;
  /**
   * Changes records, each as it is at that moment (T30), and each whole or not at all.
   * @param change the new record, or undefined to leave it; if it throws, no record is changed
   */
  change(change: (record: AgentRecord) => AgentRecord | undefined): Promise<void>;
}

export interface RegisteredAddress {
  readonly address: string;
  /** Undefined for the usual one. */
  readonly port: number | undefined;
}

/** What the CA has signed, and what it has revoked. */
export interface CertificateStore {
  /** @throws CtrlExecError `storage`: what cannot be noted is not handed out */
  note(certificate: Pick<CertificateFacts, "serial" | "notAfter" | "commonName">): Promise<void>;
  /** Serials of every certificate of the name that was signed here and has not expired. */
  issuedTo(hostname: string, now: Date): Promise<readonly Serial[]>;
  hasExpired(now: Date): Promise<boolean>;
  /** Forgets those that have expired. */
  prune(now: Date): Promise<void>;
  /** @throws CtrlExecError `config` when one cannot be read: an unread revocation would trust */
  revoked(): Promise<ReadonlySet<Serial>>;
  /** Where a person finds the revocations, and adds to them. */
  readonly revocationList: string;
}

export interface RotationState {
  readonly currentSerial: Serial;
  readonly previousSerial: Serial | undefined;
  readonly rotatedAt: Date | undefined;
  /** Until then, agents that missed the new serial are still told it, under the earlier one. */
  readonly overlapExpires: Date | undefined;
}

export type StoredRotation =
  | { readonly kind: "none" }
  | { readonly kind: "state"; readonly state: RotationState }
  /** Nothing is decided or deleted because of it. */
  | { readonly kind: "corrupt"; readonly reason: string };

/** The last rotation of this control host's certificate. */
export interface RotationStore {
  /** @throws CtrlExecError `config` if it exists but cannot be read */
  read(): Promise<StoredRotation>;
  /** The state, or undefined when there is none; a corrupt one is logged. */
  state(): Promise<RotationState | undefined>;
  /** What is wrong with it, and what to do; empty when nothing is. */
  problems(): Promise<readonly CtrlExecError[]>;
  /** The one write that makes a rotation happen. */
  commit(current: Serial, previous: Serial, now: Date): Promise<void>;
}

/** What the hosts' clocks have said compared with this host's: for each host, in any case, the latest. */
export interface ClockStore {
  /** Only those of registered hosts. @param agents by lower-case name */
  known(agents: ReadonlyMap<string, unknown>): Promise<readonly ClockSighting[]>;
  /**
   * Records what has changed, and logs clocks that differ. Never rejects: the next answer says it again.
   * @param offsets seconds by which each clock is ahead of this host's, by registered name
   */
  remember(offsets: ReadonlyMap<string, number>): Promise<void>;
  /** Never rejects. */
  forget(hostname: string): Promise<void>;
}

/** A request that waits for an operator. */
export interface PendingRequest {
  readonly id: string;
  readonly hostname: string;
  readonly ip: string;
  readonly csr: string;
  readonly nonce: string;
  /** ISO 8601. */
  readonly received: string;
  /** The same in milliseconds, no two alike, so that there is an oldest one. Not in requests of 1.0. */
  readonly arrived?: number | undefined;
  readonly code: string;
  readonly code_covers: CodeCovers;
  /** The port on which the agent serves. */
  readonly port?: number | undefined;
}

export type PairingAnswerKind = PairingAnswer["status"];

/** Held by the one process that takes requests; released when the process ends. */
export interface PairingDesk {
  close(): Promise<void>;
}

/** The queue of pairing requests, and the answers that wait to be sent. */
export interface PairingStore {
  /** Those that wait, whatever their age, in no particular order. Unreadable ones are left out. */
  requests(): Promise<readonly PendingRequest[]>;
  /** Undefined if no request with that id waits. */
  request(id: string): Promise<PendingRequest | undefined>;
  /** Whether it recently had to make room for a newer one. */
  wasPushedOut(id: string): Promise<boolean>;
  /** Ids of the requests whose answer waits to be sent. */
  answered(): Promise<readonly string[]>;
  /** Removes and returns the answer, as the text for the wire. Undefined while there is none. */
  takeAnswer(id: string): Promise<string | undefined>;
  /** Withdraws a request, and any answer that it may have by now. */
  withdraw(id: string): Promise<void>;
  /** Removes the requests that are over, and those that cannot be read. Returns how many. */
  drop(isOver: (request: PendingRequest) => boolean): Promise<number>;
  /** Removes every request and answer. */
  clear(): Promise<void>;
  /** Undefined if another process has it open. */
  openDesk(): Promise<PairingDesk | undefined>;
  deskIsOpen(): Promise<boolean>;
}

/** A script on a host, which runs only once at a time. */
export interface RunLockKey {
  /** In lower case, an address in canonical form. */
  readonly host: string;
  /** If it distinguishes the host from others at its address. */
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
  /** Never rejects: at the latest, the end of the process releases it. */
  release(): Promise<void>;
}

export type TakenLocks =
  /** One for each that was wanted, in that order. */
  | { readonly kind: "held"; readonly held: readonly HeldRunLock[] }
  /** None is held, because these are held by others. */
  | { readonly kind: "conflict"; readonly conflicts: readonly RunLockKey[] };

export interface LockStore {
  /**
   * Takes all of them or none, without waiting.
   *
   * @param wanted no two with the same key
   * @throws CtrlExecError `busy` if this process cannot hold so many
   */
  take(wanted: readonly WantedRunLock[]): Promise<TakenLocks>;
  holders(): Promise<readonly RunLockHolder[]>;
  /** Forgets locks that nobody has used for a day. Returns how many. */
  dropUnused(): Promise<number>;
}

export interface RunFacts {
  readonly reqid: string;
  readonly script: string;
  readonly hosts: readonly string[];
  readonly submitter: string;
  /** Must not reach the record (T27). */
  readonly token: string;
}

/** The record of a run under way. */
export interface RunRecord {
  /** Resolves with whether there is a record; failures are logged. */
  readonly stored: Promise<boolean>;
  /** Results added after `close` are ignored. */
  add(result: RunResult): void;
  /** Completes the record. Never rejects. Resolves with whether it has all results completely. */
  close(): Promise<boolean>;
  /** The run was not begun: nothing more is written. */
  discard(): void;
}

/** Which runs to list; each member that is present narrows the list. */
export interface RunFilter {
  /** At most this many, the newest. */
  readonly limit: number;
  /** A host of the run, as typed; a port is ignored. */
  readonly host?: string | undefined;
  readonly script?: string | undefined;
  readonly submitter?: string | undefined;
  /** The state of at least one of its hosts; of `host` if that is given. */
  readonly state?: ListedState | undefined;
  /** Started at this time or later. */
  readonly since?: Date | undefined;
}

/** `running`: no result yet. */
export type ListedState = RunState | "running";

/** A run without its outputs. */
export interface ListedRun {
  readonly reqid: string;
  readonly script: string;
  readonly submitter: string;
  /** ISO 8601. Empty in records of 0.8. */
  readonly started: string;
  /** Null while hosts are out. */
  readonly completed: string | null;
  readonly hosts: readonly ListedHost[];
}

export interface ListedHost {
  readonly host: string;
  readonly state: ListedState;
  /** Null without a result. */
  readonly exit: number | null;
}

export interface ListedRuns {
  /** The newest first. */
  readonly runs: readonly ListedRun[];
  /** How many records are damaged or cannot be read; they are not in `runs`. */
  readonly unreadable: number;
}

export interface RunStore {
  /**
   * @param durable the record outlives a power cut: for a run that nobody waits for
   * @throws CtrlExecError `bad-request` if it is not a request id
   */
  begin(facts: RunFacts, durable: boolean): RunRecord;
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
  /** The names of scripts that ran on one of the hosts, or on any if none is named, in alphabetical order. */
  scriptsSeen(hosts: readonly string[]): Promise<readonly string[]>;
  /**
   * The newest runs that match, as recorded up to now.
   *
   * @throws CtrlExecError `storage` if the records cannot be read, `busy` if other processes use the index for too long
   */
  list(filter: RunFilter): Promise<ListedRuns>;
  /** Makes the next list() quick. Never rejects; a problem is logged. */
  prepareList(): Promise<void>;
  /** Removes expired records, and the oldest beyond max_records. Returns how many. */
  purge(): Promise<number>;
}
