/**
 * The rollouts that are under way: which process carries out each, and what others have asked for. See ../ports.ts.
 */

/** Something that somebody has asked for: to pause a rollout, to continue it, or to cancel it. */
export interface RolloutWish {
  readonly by: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface RolloutWishes {
  /** No batch begins as long as this exists. */
  readonly pause: RolloutWish | undefined;
  readonly cancel: RolloutWish | undefined;
  /** Who has ended its last pause. */
  readonly continued?: RolloutWish | undefined;
}

/** Who has cancelled a rollout on hosts whose batch had not begun, by these hosts. */
export type LeftOut = ReadonlyMap<string, RolloutWish>;

/** What is needed to go on with a detached rollout and is not in its record. The token is never kept. */
export interface RolloutOrder {
  readonly args: readonly string[];
  readonly timeout?: number | undefined;
  /** As given to the auth hook: who began it, and from where. */
  readonly face: "cli" | "api";
  readonly username: string;
  readonly sourceIp: string;
  readonly route?: string | undefined;
  readonly hasToken: boolean;
  /** Those of its hosts that were registered, named as in the record. */
  readonly registered: readonly string[];
  /** The rollout stops when more hosts than this have failed. */
  readonly mayFail: number;
}

/** A rollout that this process carries out. It owns it until it releases it, or has ended in any way. */
export interface OwnedRollout {
  wishes(): Promise<RolloutWishes>;
  leftOut(): Promise<LeftOut>;
  /**
   * @param onLook called soon after what others asked for has changed, and perhaps when it has not, until the
   * returned function is called
   */
  hearWishes(onLook: (wishes: RolloutWishes) => void): () => void;
  /** So that another process can go on with it, until it has ended. @throws CtrlExecError `storage` */
  keep(order: RolloutOrder): Promise<void>;
  /** The same, but nobody goes on with it unless it is offered and taken: see offer(). */
  keepToOffer(order: RolloutOrder): Promise<void>;
  /** Undefined if it was not detached. @throws CtrlExecError `config` if others could have written it */
  order(): Promise<RolloutOrder | undefined>;
  /**
   * What was kept, and asked for before this process took the rollout, no longer counts.
   *
   * @throws CtrlExecError `storage`
   */
  renew(): Promise<void>;
  /** It has ended: nothing of it is left. Never rejects. */
  end(): Promise<void>;
  /** Another process may go on with it. Never rejects. */
  leave(): Promise<void>;
}

export interface RolloutStore {
  /**
   * Undefined if it already belongs to another process.
   *
   * @throws CtrlExecError `bad-request` if it is not a request id, `storage`
   */
  own(reqid: string): Promise<OwnedRollout | undefined>;
  /** Whether a process carries it out. */
  isOwned(reqid: string): Promise<boolean>;
  wishes(reqid: string): Promise<RolloutWishes>;
  /** The owner of the rollout notices it soon, and always before its next batch. @throws CtrlExecError `storage` */
  wish(reqid: string, what: "pause" | "cancel", wish: RolloutWish): Promise<void>;
  /**
   * The rollout is cancelled on these hosts. Its owner looks for that after it has recorded a batch, and before it asks
   * any host. So what a record that is read after this call still has as waiting is not asked.
   *
   * @throws CtrlExecError `storage`
   */
  leaveOut(reqid: string, hosts: readonly string[], wish: RolloutWish): Promise<void>;
  leftOut(reqid: string): Promise<LeftOut>;
  /** Resolves with whether it was paused. @throws CtrlExecError `storage` */
  endPause(reqid: string, hand: RolloutWish): Promise<boolean>;
  /** The rollouts that were detached, and have not ended. */
  detached(): Promise<readonly string[]>;
  /**
   * Those of them that no process carries out, and that were begun with a token: they wait until somebody gives it
   * again. A user who may not look there sees none.
   */
  forToken(): Promise<ReadonlySet<string>>;
  /**
   * The process that takes detached rollouts goes on with this one. If this process ends before it is taken, nobody
   * does.
   *
   * @param token for the auth hook, which is asked for each batch; it is kept only in memory
   * @throws CtrlExecError `unreachable` if nobody takes any, or the taker's refusal
   */
  offer(reqid: string, token: string): Promise<void>;
  /** Whether any process takes detached rollouts. @throws CtrlExecError `config` if this user may not ask */
  isTaker(): Promise<boolean>;
  /**
   * Takes detached rollouts until it is closed, which never rejects.
   *
   * @param take throws if it does not go on with the rollout
   * @returns undefined if another process takes them
   * @throws CtrlExecError `storage`
   */
  takeOffers(
    take: (reqid: string, token: string) => Promise<void>,
  ): Promise<AsyncDisposable | undefined>;
  /** How many locks have left something behind, though nobody holds them, nor has used them since. */
  countUnused(since: Date): Promise<number>;
  /**
   * Removes what locks have left that nobody has used for a day, and what is left of rollouts whose records are no
   * longer kept. Returns of how many locks.
   */
  dropUnused(): Promise<number>;
  /** The rollouts that somebody wants paused. */
  paused(): Promise<ReadonlyMap<string, RolloutWish>>;
}
