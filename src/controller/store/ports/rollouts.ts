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

/** A rollout that this process carries out: its own until it lets go of it, or has ended, however that happens. */
export interface OwnedRollout {
  wishes(): Promise<RolloutWishes>;
  /**
   * @param onLook called soon after the wishes have changed, and perhaps when they have not, until the function that is
   * returned is called
   */
  hearWishes(onLook: (wishes: RolloutWishes) => void): () => void;
  /** What was wished of it before counts no more. @throws CtrlExecError `storage` */
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
  /** The rollouts whose pause somebody wants. */
  paused(): Promise<ReadonlyMap<string, RolloutWish>>;
}
