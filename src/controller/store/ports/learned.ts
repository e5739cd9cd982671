/** What the hosts have told of themselves. See ../ports.ts. */
import type { Tags } from "../../../core/tags.ts";

/**
 * What is remembered of each registered host, and since when. It may be lost at any time, and the next answers tell
 * it again: nothing is decided by its absence. Whoever feeds it may pass what an agent sends: only so much is kept.
 */
export interface LearnedStore {
  /**
   * By lower-case name. Whoever keeps the store reads it only when it has changed (T67).
   * @throws CtrlExecError `storage`
   */
  known(): Promise<ReadonlyMap<string, KnownHost>>;
  /** The names of their scripts, of those of the hosts that have told. @throws as known() */
  scripts(hostnames: readonly string[]): Promise<ReadonlyMap<string, Learned<readonly string[]>>>;
  /**
   * Remembers what each of the hosts has told just now, all at once; what one has not told stays. Hosts that are not
   * registered are left out. Never rejects: the next answer tells it again.
   */
  learn(news: ReadonlyMap<string, HostNews>): Promise<void>;
  /** Never rejects. */
  forget(hostname: string): Promise<void>;
}

/** That a host has told something is news in itself. */
export interface HostNews {
  readonly version?: string | undefined;
  readonly tags?: Tags | undefined;
  readonly scripts?: readonly string[] | undefined;
}

export interface KnownHost {
  /** When it last told anything. */
  readonly contact: Date;
  readonly version: Learned<string> | undefined;
  /** "too long": it claims more than is kept, and nobody knows what. */
  readonly tags: Learned<Tags | "too long"> | undefined;
}

export interface Learned<Value> {
  readonly value: Value;
  readonly at: Date;
}
