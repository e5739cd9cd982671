/**
 * Tries to join until it is decided: an image may boot before its control host does, and together with a hundred
 * others.
 */
import { CtrlExecError } from "../../core/errors.ts";
import type { JoinOutcome } from "./join.ts";

export interface JoinPatience {
  /** How long to go on after the first attempt; 0 tries once. */
  readonly forMs: number;
  /** The wait after the first failure; it doubles with each. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** From 0 to 1. */
  random(): number;
  /** Milliseconds of a clock that never goes back. */
  clock(): number;
  pause(ms: number): Promise<void>;
  /** Called with each failure that is followed by another attempt. */
  onFailure(why: string, waitMs: number): void;
}

/**
 * It is tried again if the control host does not answer, or says "later". A refusal is final, and so is a control
 * host that is not the right one.
 *
 * @throws CtrlExecError the last failure
 */
export async function joinWithPatience(
  attempt: () => Promise<JoinOutcome>,
  patience: JoinPatience,
): Promise<JoinOutcome> {
  const end = patience.clock() + patience.forMs;
  for (let wait = patience.firstMs; ; wait = Math.min(wait * 2, patience.longestMs)) {
    const outcome = await attempt().catch((thrown) => {
      if (thrown instanceof CtrlExecError && thrown.code === "unreachable") return thrown;
      throw thrown;
    });
    const isFailure = outcome instanceof CtrlExecError;
    if (!isFailure && (outcome.kind === "joined" || !outcome.again)) return outcome;
    // From half the wait to one and a half: hosts that were refused together do not come back together.
    const ms = Math.round(wait * (0.5 + patience.random()));
    if (patience.clock() + ms > end) {
      if (isFailure) throw outcome;
      return outcome;
    }
    patience.onFailure(isFailure ? outcome.message : outcome.reason, ms);
    await patience.pause(ms);
  }
}
