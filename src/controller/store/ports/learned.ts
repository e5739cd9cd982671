/** What the hosts have reported about themselves. See ../ports.ts. */
import type { Tags } from "../../../core/tags.ts";

/**
 * What is remembered about each registered host, and since when. It may be lost at any time, and the next answers
 * bring it again: its absence decides nothing. Callers may pass on whatever an agent sends: only a limited amount is
 * kept.
 */
export interface LearnedStore {
  /**
   * By lower-case name. A store that is kept reads it only when it has changed (T67). @throws CtrlExecError `storage`
   */
  known(): Promise<ReadonlyMap<string, KnownHost>>;
  /** The names of the scripts of those hosts that have reported them. @throws as known() */
  scripts(hostnames: readonly string[]): Promise<ReadonlyMap<string, Learned<readonly string[]>>>;
  /**
   * Remembers what each of the hosts has just reported, all at once; what a host has not reported stays. Hosts that
   * are not registered are left out. Never rejects: the next answer brings it again.
   */
  learn(news: ReadonlyMap<string, HostNews>): Promise<void>;
  /** Never rejects. */
  forget(hostname: string): Promise<void>;
}

/** That a host has reported something is news in itself. */
export interface HostNews {
  readonly version?: string | undefined;
  readonly tags?: Tags | undefined;
  readonly scripts?: readonly string[] | undefined;
}

export interface KnownHost {
  /** When it last reported anything. */
  readonly contact: Date;
  readonly version: Learned<string> | undefined;
  /** "too long": it claims more than is kept, and nobody knows what. */
  readonly tags: Learned<Tags | "too long"> | undefined;
}

export interface Learned<Value> {
  readonly value: Value;
  readonly at: Date;
}
