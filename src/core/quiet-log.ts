/**
 * Log lines that strangers can cause, at most one a minute of each kind: further ones are only counted (T21).
 */
import type { AgentEvent, Sink } from "./events.ts";

const QUIET_MS = 60_000;

/** Kinds remembered at once; beyond this, the oldest is forgotten and may be logged again. */
const MAX_KINDS = 1000;

interface Kind {
  loggedAt: number;
  /** Since that line. */
  unlogged: number;
}

/** Those that may have a count. */
type Counted<Event> = Extract<Event, { readonly count?: number | undefined }>;

export class QuietLog<Event = AgentEvent> {
  readonly #log: Sink<Event>;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Sink<Event>) {
    this.#log = log;
  }

  /**
   * Logs the event, with COUNT if others of its kind went unlogged before it.
   * @param kind what makes two events the same: the action and the peer
   * @param now milliseconds
   */
  event(kind: string, now: number, event: Counted<Event>): void {
    const known = this.#kinds.get(kind);
    if (known !== undefined && now - known.loggedAt < QUIET_MS) {
      known.unlogged += 1;
      return;
    }
    const count = 1 + (known?.unlogged ?? 0);
    this.#kinds.delete(kind);
    if (this.#kinds.size >= MAX_KINDS) this.#forgetOldest();
    this.#kinds.set(kind, { loggedAt: now, unlogged: 0 });
    this.#log(count > 1 ? { ...event, count } : event);
  }

  #forgetOldest(): void {
    const [oldest] = this.#kinds.keys();
    if (oldest !== undefined) this.#kinds.delete(oldest);
  }
}
