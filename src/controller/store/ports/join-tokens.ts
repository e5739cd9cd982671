/** Join tokens, and who has used them. See ../ports.ts. */
import type { CtrlExecError } from "../../../core/errors.ts";
import type { Tags } from "../../../core/tags.ts";

/** A token as the control host keeps it: without its secret (T32). */
export interface StoredToken {
  readonly id: string;
  /** Ed25519, 32 bytes in hex. */
  readonly public_key: string;
  /** Both ISO 8601. */
  readonly created: string;
  readonly expires: string;
  /** How many hosts may join with it. */
  readonly uses: number;
  /** A pattern for the names that it lets in; undefined for any. */
  readonly name?: string | undefined;
  /** The control host's own tags for each host that joins. */
  readonly tags?: Tags | undefined;
  /** The networks from which hosts may join; undefined for any. */
  readonly from?: readonly string[] | undefined;
  /** Whether a registered name may be taken over. */
  readonly replace?: boolean | undefined;
  /** When it was revoked, ISO 8601. */
  readonly revoked?: string | undefined;
}

/** One of a token's uses: a host that has joined, or whose join was cut off. */
export interface TokenUse {
  /** SHA-256 of the host's public key, in hex: the same host counts once. */
  readonly key: string;
  readonly nonce: string;
  readonly hostname: string;
  readonly ip: string;
  /** Under which the host is registered. */
  readonly reqid: string;
  /** ISO 8601. */
  readonly at: string;
  /** Whether it is registered; otherwise the join was cut off before that. */
  readonly registered: boolean;
}

/** One that is damaged, or that a later version has made. It lets nobody join, and never hides the others. */
export interface BrokenToken {
  readonly id: string;
  /** Names the file and says what to do. */
  readonly problem: CtrlExecError;
}

export interface JoinTokens {
  readonly tokens: readonly StoredToken[];
  readonly broken: readonly BrokenToken[];
}

export interface JoinTokenStore {
  /** In no particular order. */
  all(): Promise<JoinTokens>;
  /** Undefined if there is no token with that id. @throws CtrlExecError `config` if it cannot be read */
  find(id: string): Promise<StoredToken | undefined>;
  /** How many uses are taken, including those that were cut off. */
  used(id: string): Promise<number>;
  /** The use that the key has taken. @throws CtrlExecError `config` if it cannot be read */
  useBy(id: string, key: string): Promise<TokenUse | undefined>;
  /** Removes the tokens that are over, with their uses; a broken one stays. Returns how many. */
  drop(isOver: (token: StoredToken) => boolean): Promise<number>;
}
