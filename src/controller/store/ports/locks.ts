/** The locks of runs. See ../ports.ts. */

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

/** What can be said about a lock that is held. Null: its holder could not write it down. */
export type HolderFound = Pick<RunLockHolder, "host" | "port" | "script"> & {
  readonly [Fact in "pid" | "user" | "since" | "reqid"]: RunLockHolder[Fact] | null;
};

export interface WantedRunLock {
  readonly key: RunLockKey;
  /** What others learn while it is held. */
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
  | {
      readonly kind: "conflict";
      readonly conflicts: readonly RunLockKey[];
      /** The runs that hold them, as far as those have written down who they are. */
      readonly runs: readonly string[];
    };

export interface LockStore {
  /**
   * Takes all of them or none, without waiting for any to be released.
   *
   * @param wanted no two with the same key
   * @throws CtrlExecError `busy` if this process cannot hold that many
   */
  take(wanted: readonly WantedRunLock[]): Promise<TakenLocks>;
  holders(): Promise<readonly HolderFound[]>;
  /** How many locks have left something behind, though nobody holds them, nor has used them since. */
  countUnused(since: Date): Promise<number>;
  /** Removes what locks have left that nobody has used for a day. Returns of how many. */
  dropUnused(): Promise<number>;
}
