/**
 * Connections to agents that outlive a request, so that a busy API does not need a handshake for each request
 * and stays below an agent's connection limit. A pool belongs to one credential.
 */
import type { Pool } from "../../core/pool.ts";
import type { CertificateIdentity } from "../../pki/certificate.ts";
import type { Connection } from "../../system/net/connection.ts";
import type { AgentAtHub } from "./hub-client.ts";

export interface AgentConnection {
  readonly tls: Connection;
  /** The peer's certificate from the handshake; its name is checked again for each request. */
  readonly peer: CertificateIdentity;
  /** The peer's address, which a closed connection no longer has. */
  readonly peerAddress: string;
  /** The hub that it goes through; undefined if it is direct. */
  readonly hub?: AgentAtHub | undefined;
  /** Milliseconds of `performance.now()`. */
  readonly openedAt: number;
}

/** Most connections to one agent: below the ten a minute that its rate limit allows by default. */
const MAX_PER_AGENT = 8;

const PATIENCE_MS = 5_000;

/** A connection lives no longer than this, however busy, so that a new handshake can notice changes. */
const MAX_AGE_MS = 60_000;

/** Most idle connections, over all agents; they also take at most half of the descriptors (T65). */
const MAX_IDLE = 512;

interface AgentSlots {
  readonly idle: Idle[];
  busy: number;
  readonly waiting: ((connection: AgentConnection | undefined) => void)[];
}

interface Idle {
  readonly connection: AgentConnection;
  readonly forget: () => void;
}

/** The right to one connection: an open one, or to open one. */
export interface Lease {
  readonly connection: AgentConnection | undefined;
  /**
   * Ends the lease. If it has ended before, the connection is closed.
   *
   * @param connection if it can be used again; undefined if it is closed, or is used without the lease from now
   * on
   * @param keepMs how long the agent keeps it open unused
   */
  end(connection: AgentConnection | undefined, keepMs: number): void;
}

export class AgentPool {
  readonly #keepaliveMs: number;
  readonly #patienceMs: number;
  readonly #maxIdle: number;
  readonly #descriptors: Pool | undefined;
  readonly #slots = new Map<string, AgentSlots>();
  #idle = 0;
  #closed = false;

  /**
   * @param descriptors pool for its connections; a request that lacks one gets that of an idle connection
   * @param patienceMs a request that waits longer than this for one of an agent's connections opens another
   */
  constructor(keepaliveMs: number, descriptors?: Pool, patienceMs = PATIENCE_MS) {
    this.#keepaliveMs = keepaliveMs;
    this.#patienceMs = patienceMs;
    this.#maxIdle = Math.min(MAX_IDLE, (descriptors?.size ?? Number.POSITIVE_INFINITY) / 2);
    this.#descriptors = descriptors;
    descriptors?.addLender(this.#giveUpIdle);
  }

  /** The number of agents to which it has connections, or requests under way. */
  get agents(): number {
    return this.#slots.size;
  }

  /** @param key everything that distinguishes one agent from another */
  async lease(key: string): Promise<Lease> {
    const slots = this.#slotsOf(key);
    const connection = this.#takeIdle(slots);
    if (connection !== undefined || slots.busy < MAX_PER_AGENT || this.#keepaliveMs === 0) {
      slots.busy += 1;
      return this.#leaseOf(key, slots, connection);
    }
    return this.#leaseOf(key, slots, await this.#wait(slots));
  }

  close(): void {
    this.#closed = true;
    this.#descriptors?.removeLender(this.#giveUpIdle);
    this.#giveUpIdle(this.#idle);
  }

  readonly #giveUpIdle = (count: number): void => {
    const idle = [...this.#slots.values()].flatMap((slots) => slots.idle);
    for (const { connection } of idle.slice(0, count)) connection.tls.close();
  };

  #slotsOf(key: string): AgentSlots {
    const slots = this.#slots.get(key) ?? { idle: [], busy: 0, waiting: [] };
    this.#slots.set(key, slots);
    return slots;
  }

  /** The most recently used one: the others may then expire. */
  #takeIdle(slots: AgentSlots): AgentConnection | undefined {
    const idle = slots.idle.at(-1);
    idle?.forget();
    return idle?.connection;
  }

  /** Resolves with a connection, or with none if a new one may be opened. */
  async #wait(slots: AgentSlots): Promise<AgentConnection | undefined> {
    const { promise, resolve } = Promise.withResolvers<AgentConnection | undefined>();
    slots.waiting.push(resolve);
    const timer = setTimeout(() => {
      slots.waiting.splice(slots.waiting.indexOf(resolve), 1);
      slots.busy += 1;
      resolve(undefined);
    }, this.#patienceMs);
    const connection = await promise;
    clearTimeout(timer);
    return connection;
  }

  #leaseOf(key: string, slots: AgentSlots, connection: AgentConnection | undefined): Lease {
    let ended = false;
    return {
      connection,
      end: (returned, keepMs) => {
        if (ended) {
          returned?.tls.close();
          return;
        }
        ended = true;
        const usable = returned !== undefined && this.#mayStay(returned) ? returned : undefined;
        if (usable !== returned) returned?.tls.close();
        const next = slots.waiting.shift();
        if (next !== undefined) {
          next(usable);
          return;
        }
        slots.busy -= 1;
        if (usable !== undefined) this.#keep(key, slots, usable, keepMs);
        this.#tidy(key, slots);
      },
    };
  }

  #mayStay({ tls, openedAt }: AgentConnection): boolean {
    return !this.#closed && !tls.closed && performance.now() - openedAt < MAX_AGE_MS;
  }

  #keep(key: string, slots: AgentSlots, connection: AgentConnection, keepMs: number): void {
    const { tls } = connection;
    const stay = Math.min(keepMs, this.#keepaliveMs);
    const wanted = this.#descriptors?.isShort === true;
    if (stay <= 0 || wanted || this.#idle >= this.#maxIdle) {
      tls.close();
      return;
    }
    const timer = setTimeout(() => tls.close(), stay);
    const forget = () => {
      clearTimeout(timer);
      tls.offClose(gone);
      slots.idle.splice(slots.idle.indexOf(idle), 1);
      this.#idle -= 1;
    };
    const gone = () => {
      forget();
      this.#tidy(key, slots);
    };
    const idle = { connection, forget };
    slots.idle.push(idle);
    this.#idle += 1;
    tls.onClose(gone);
  }

  #tidy(key: string, slots: AgentSlots): void {
    if (slots.busy === 0 && slots.idle.length === 0) this.#slots.delete(key);
  }
}
