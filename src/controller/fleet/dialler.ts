/** What requests to agents need. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { ReplyAccount, ReplyBudget } from "../../core/reply-budget.ts";
import type { Semaphore } from "../../core/semaphore.ts";
import type { Serial } from "../../core/serial.ts";
import type { ReadPace } from "../../system/net/read-pace.ts";
import type { TlsCredential } from "../../system/net/tls-credential.ts";
import type { Hubs } from "./hubs.ts";
import type { Revoked } from "./peer-identity.ts";
import type { AgentPool } from "./pool.ts";
import type { ResolvedTarget } from "./targets.ts";

/** What all requests of a fan-out share. */
export interface Dialler {
  readonly config: ControllerConfig;
  readonly credential: TlsCredential;
  /**
   * The serial of this host's certificate in the credential: a connection made under one is not used for
   * another.
   */
  readonly serial: Serial;
  /** Serials of revoked certificates, as they are now. */
  readonly revoked: Revoked;
  /** Beyond 8 they starve each other (docs/DECISIONS.md, "Handshakes under way are limited"). */
  readonly handshakes: Semaphore;
  /** Undefined if hosts are only called directly. */
  readonly hubs?: Hubs | undefined;
  /** Open connections; undefined if each request makes its own. */
  readonly pool?: AgentPool;
  /** Limits how much of the replies is read at a time. */
  readonly pace: ReadPace;
  /** Limits how much memory the replies take together (T29). */
  readonly budget: ReplyBudget;
  /** Counts replies until all of them are released; undefined counts each only while it arrives. */
  readonly account?: ReplyAccount;
  /** Undefined if it does not matter whether the request may have reached a host. */
  readonly sending?: Sending;
}

/** Called for each host when the request may have reached it. */
export interface Sending {
  /** Right before the first byte of the request is sent. @returns whether it may be sent */
  mayBeSent(target: ResolvedTarget): boolean;
  /** The agent refused the caller, so that what was sent did nothing. */
  turnedAway(target: ResolvedTarget): void;
  /** Its answer came, and had to be dropped. */
  ended(target: ResolvedTarget): void;
}

export const MAX_HANDSHAKES = 8;
