/** How many requests may be in flight; further ones are told to try again. */
import { callerNetwork } from "../core/net/caller-network.ts";
import { type JsonAnswer, RETRY_AFTER, refusal } from "./answer.ts";

export interface SlotLimits {
  readonly requests: number;
  /**
   * Further slots for callers that hold none, so that one caller, whom the hook may refuse each time, does not
   * shut out the others; and as many again for a liveness check, which must not fail because the API is busy.
   */
  readonly reserve: number;
}

export class RequestSlots {
  readonly #byNetwork = new Map<string, number>();
  readonly #refuse: (taken: number, own: number) => JsonAnswer;
  #taken = 0;

  /** @param refuse for a caller that has this many of those that are taken */
  constructor(refuse: (taken: number, own: number) => JsonAnswer = tooManyRequests) {
    this.#refuse = refuse;
  }

  get taken(): number {
    return this.#taken;
  }

  /** @returns the refusal, or undefined if a slot was taken; `leave` gives it back */
  enter(peer: string, { requests, reserve }: SlotLimits, light: boolean): JsonAnswer | undefined {
    const network = callerNetwork(peer);
    const own = this.#byNetwork.get(network) ?? 0;
    const extra = (own === 0 ? reserve : 0) + (light ? reserve : 0);
    if (this.#taken >= requests + extra) return this.#refuse(this.#taken, own);
    this.#taken += 1;
    this.#byNetwork.set(network, own + 1);
    return undefined;
  }

  leave(peer: string): void {
    const network = callerNetwork(peer);
    this.#taken -= 1;
    const left = (this.#byNetwork.get(network) ?? 1) - 1;
    if (left > 0) this.#byNetwork.set(network, left);
    else this.#byNetwork.delete(network);
  }
}

/** 429 for the caller that holds most of the slots, 503 for the others. */
function tooManyRequests(taken: number, own: number): JsonAnswer {
  const inFlight = `${taken} requests are in flight`;
  if (own * 2 > taken) {
    const detail = `${inFlight}, most of them yours`;
    return refusal(429, "too many requests", detail, RETRY_AFTER);
  }
  return refusal(503, "busy", inFlight, RETRY_AFTER);
}
