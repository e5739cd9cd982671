/** How many requests may be in flight: beyond that they are told to come again. */
import { type Answer, RETRY_AFTER, refusal } from "./answer.ts";

/** A liveness check must not fail because the API is busy. */
const RESERVE = 8;

export class Places {
  readonly #byPeer = new Map<string, number>();
  #taken = 0;

  get taken(): number {
    return this.#taken;
  }

  /** @returns the refusal, or undefined when a place was taken; `leave` gives it back */
  enter(peer: string, limit: number, light: boolean): Answer | undefined {
    if (this.#taken >= limit + (light ? RESERVE : 0)) return this.#refuse(peer);
    this.#taken += 1;
    this.#byPeer.set(peer, (this.#byPeer.get(peer) ?? 0) + 1);
    return undefined;
  }

  leave(peer: string): void {
    this.#taken -= 1;
    const left = (this.#byPeer.get(peer) ?? 1) - 1;
    if (left > 0) this.#byPeer.set(peer, left);
    else this.#byPeer.delete(peer);
  }

  /** 429 to whoever holds most of the places, 503 to those who suffer from it. */
  #refuse(peer: string): Answer {
    const own = this.#byPeer.get(peer) ?? 0;
    const inFlight = `${this.#taken} requests are in flight`;
    if (own * 2 > this.#taken) {
      const detail = `${inFlight}, most of them yours`;
      return refusal(429, "too many requests", detail, RETRY_AFTER);
    }
    return refusal(503, "busy", inFlight, RETRY_AFTER);
  }
}
