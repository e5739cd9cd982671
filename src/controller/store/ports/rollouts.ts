/** The rollouts that are under way: whose they are, and what others want of them. See ../ports.ts. */

/** What somebody wants of a rollout. */
export interface RolloutWish {
  readonly by: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface RolloutWishes {
  /** No batch begins as long as it is there. */
  readonly pause: RolloutWish | undefined;
  readonly cancel: RolloutWish | undefined;
}

/** What whoever goes on with a detached rollout needs, and its record does not have. The token is never kept. */
export interface RolloutOrder {
  readonly args: readonly string[];
  readonly timeout?: number | undefined;
  /** As the auth hook is told: who began it, from where. */
  readonly face: "cli" | "api";
  readonly username: string;
  readonly sourceIp: string;
  readonly route?: string | undefined;
  readonly hasToken: boolean;
  /** Those of its hosts that were registered, as they are named in the record. */
  readonly registered: readonly string[];
  /** It stops when more hosts than so many have failed. */
  readonly mayFail: number;
}

/** A rollout that this process carries out: its own until it lets go of it, or has ended, however that happens. */
export interface OwnedRollout {
  wishes(): Promise<RolloutWishes>;
  /**
   * @param onLook called soon after the wishes have changed, and perhaps when they have not, until the function that is
   * returned is called
   */
  hearWishes(onLook: (wishes: RolloutWishes) => void): () => void;
  /** For another process to go on with it, until it is over. @throws CtrlExecError `storage` */
  keep(order: RolloutOrder): Promise<void>;
  /** The same, but nobody goes on with it unless it is offered, and taken: see offer(). */
  keepToOffer(order: RolloutOrder): Promise<void>;
  /** Undefined if it was not detached. @throws CtrlExecError `config` for one that others could have written */
  order(): Promise<RolloutOrder | undefined>;
  /** What was wished of it, and kept, before counts no more. @throws CtrlExecError `storage` */
  renew(): Promise<void>;
  /** It is over: nothing of it is left. Never rejects. */
  end(): Promise<void>;
  /** Another process may go on with it. Never rejects. */
  leave(): Promise<void>;
}

export interface RolloutStore {
  /**
   * Undefined if it is somebody's already.
   *
   * @throws CtrlExecError `bad-request` if it is not a request id, `storage`
   */
  own(reqid: string): Promise<OwnedRollout | undefined>;
  /** Whether a process carries it out. */
  isOwned(reqid: string): Promise<boolean>;
  wishes(reqid: string): Promise<RolloutWishes>;
  /** Whoever owns the rollout hears of it soon, and in any case before its next batch. @throws CtrlExecError `storage` */
  wish(reqid: string, what: keyof RolloutWishes, wish: RolloutWish): Promise<void>;
  /** Resolves with whether it was wished. @throws CtrlExecError `storage` */
  takeBack(reqid: string, what: keyof RolloutWishes): Promise<boolean>;
  /** The rollouts that were detached, and are not over. */
  detached(): Promise<readonly string[]>;
  /**
   * Whoever takes detached rollouts goes on with this one. If this process ends before it is taken, nobody does.
   *
   * @param token for the auth hook, which is asked for each batch; it is kept in memory alone
   * @throws CtrlExecError `unreachable` if nobody takes any, or the taker's refusal
   */
  offer(reqid: string, token: string): Promise<void>;
  /** Whether anybody takes detached rollouts. @throws CtrlExecError `config` if this user may not ask */
  isTaker(): Promise<boolean>;
  /**
   * Takes detached rollouts until it is closed.
   *
   * @param take throws if it does not go on with the rollout
   * @returns undefined if another process takes them
   * @throws CtrlExecError `storage`
   */
  takeOffers(
    take: (reqid: string, token: string) => Promise<void>,
  ): Promise<Disposable | undefined>;
  /** Forgets locks that nobody has used for a day, and what is left of rollouts whose records are no longer kept. */
  dropUnused(): Promise<void>;
  /** The rollouts whose pause somebody wants. */
  paused(): Promise<ReadonlyMap<string, RolloutWish>>;
}
