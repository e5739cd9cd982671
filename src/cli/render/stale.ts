import { PAIR_AGAIN } from "../../core/refusal-steps.ts";

/** Hosts that have missed a rotation for good, and what to do; empty when there are none. */
export function staleLines(hosts: readonly string[]): string[] {
  return hosts.length === 0 ? [] : [`Stale: ${hosts.join(", ")}`, `Each of them: ${PAIR_AGAIN}`];
}
