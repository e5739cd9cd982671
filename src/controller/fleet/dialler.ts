/** What the requests to agents are made with. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { Semaphore } from "../../core/semaphore.ts";
import type { Serial } from "../../core/serial.ts";
import type { ReadPace } from "../../system/net/read-pace.ts";
import type { TlsCredential } from "../../system/net/tls-credential.ts";
import type { AgentPool } from "./pool.ts";
import type { ReplyAccount, ReplyBudget } from "./reply-budget.ts";
import type { ResolvedTarget } from "./targets.ts";

/** What all requests of a fan-out share. */
export interface Dialler {
  readonly config: ControllerConfig;
  readonly credential: TlsCredential;
  /** The serial of this host's certificate in the credential: a connection made under one is not another's. */
  readonly serial: Serial;
  /** Serials of certificates that answer for nobody. */
  readonly revoked: ReadonlySet<Serial>;
  /** Beyond 8 they starve each other (docs/DECISIONS.md, "Handshakes under way are limited"). */
  readonly handshakes: Semaphore;
  /** Connections that are open already; undefined when each request has its own. */
  readonly pool?: AgentPool;
  /** Bounds how much of the replies is read at a time. */
  readonly pace: ReadPace;
  /** Bounds what the replies take together (T29). */
  readonly budget: ReplyBudget;
  /** Where replies are counted until all of them are let go; undefined counts one while it comes. */
  readonly account?: ReplyAccount;
  /** Undefined where nobody asks whether the request may have reached a host. */
  readonly sending?: Sending;
}

/** Told of each host whether the request may have reached it. */
export interface Sending {
  /** Right before the first byte of the request leaves. @returns whether it may leave */
  mayBeSent(target: ResolvedTarget): boolean;
  /** The agent refused the caller, so that what was sent did nothing. */
  turnedAway(target: ResolvedTarget): void;
  /** Its answer came, and had to be dropped. */
  ended(target: ResolvedTarget): void;
}

export const MAX_HANDSHAKES = 8;
