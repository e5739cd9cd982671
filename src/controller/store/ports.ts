/**
 * What the control host stores, as the use-cases see it: what can be asked and changed, however it is stored.
 * file-store.ts uses files (docs/PROTOCOL.md, section 4). Every method changes all or nothing, and when it resolves,
 * the change is visible to every process of this control host. Any implementation must pass
 * test/unit/controller/store/store-suite.ts.
 */
import type { Serial } from "../../core/serial.ts";
import type { PairingAnswer } from "../../core/wire/messages/pairing.ts";
import type { AgentRecord } from "./agent-record.ts";
import type { CertificateStore, RotationStore } from "./ports/certificates.ts";
import type { ClockStore } from "./ports/clocks.ts";
import type { CountStore } from "./ports/counts.ts";
import type { GroupStore } from "./ports/groups.ts";
import type { JoinTokenStore, StoredToken, TokenUse } from "./ports/join-tokens.ts";
import type { LearnedStore } from "./ports/learned.ts";
import type { LockStore } from "./ports/locks.ts";
import type { NoticeStore } from "./ports/notices.ts";
import type { PairingStore, PendingRequest } from "./ports/pairing.ts";
import type { RegistryStore } from "./ports/registry.ts";
import type { RolloutStore } from "./ports/rollouts.ts";
import type { RunStore } from "./ports/runs.ts";

export interface Store {
  readonly registry: RegistryStore;
  readonly clocks: ClockStore;
  readonly groups: GroupStore;
  readonly counts: CountStore;
  readonly learned: LearnedStore;
  readonly notices: NoticeStore;
  readonly certificates: CertificateStore;
  readonly rotation: RotationStore;
  readonly pairing: PairingStore;
  readonly joinTokens: JoinTokenStore;
  readonly locks: LockStore;
  readonly runs: RunStore;
  readonly rollouts: RolloutStore;
  /**
   * One writer at a time, across processes, for the registry, the pairing queue, the join tokens and the revocations
   * (T30). If a `change` rejects, what it has written may or may not persist.
   *
   * @throws CtrlExecError `busy` if another one does not finish
   */
  exclusively<Result>(change: (writer: Writer) => Promise<Result>): Promise<Result>;
  /**
   * One at a time, across processes, changes certificates and serials: set-up, rotation, broadcast, renewal. Waits a
   * minute for another.
   *
   * @throws CtrlExecError `busy` if the other has not finished
   */
  upkeep<Result>(work: () => Promise<Result>): Promise<Result>;
  /**
   * The same without waiting: undefined, and nothing done, if another is at work. A caller that has done everything
   * that was due says so with `allDone`.
   */
  upkeepIfFree<Result>(
    work: (allDone: () => Promise<void>) => Promise<Result>,
  ): Promise<Result | undefined>;
  /** When everything that was due was last done; undefined if that is not known. */
  lastUpkeep(): Promise<Date | undefined>;
  /** Removes what killed writes have left behind. Never rejects. */
  removeLeftovers(): Promise<void>;
}

/** Changes that only one process may make at a time. */
export interface Writer {
  /** Registers the host, or replaces its record. */
  putAgent(record: AgentRecord): Promise<void>;
  /** Resolves with whether it was registered. */
  removeAgent(hostname: string): Promise<boolean>;
  /** The request is waiting from now on. */
  addRequest(request: PendingRequest): Promise<void>;
  /** The request no longer waits, and its answer is stored for the process that holds its connection. */
  answerRequest(id: string, answer: PairingAnswer): Promise<void>;
  /** For an operator who decides on the request too late. */
  rememberPushedOut(id: string): Promise<void>;
  /** Stores the token, or replaces it. */
  putToken(token: StoredToken): Promise<void>;
  /** The use counts from now on; an earlier one of the same key is replaced. */
  putUse(token: string, use: TokenUse): Promise<void>;
  /** The use no longer counts. */
  dropUse(token: string, key: string): Promise<void>;
  /** Certificates with these serials are not accepted from now on. */
  revoke(serials: readonly Serial[], comment: string): Promise<void>;
}
