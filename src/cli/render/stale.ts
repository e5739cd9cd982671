import type { OwnSetting } from "../../core/config/controller-config.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import { pairAgain } from "../../core/refusal-steps.ts";

/** Hosts that have missed a rotation for good, and what to do; empty when there are none. */
export function staleLines(hosts: readonly string[], own: OwnSetting): string[] {
  return hosts.length === 0
    ? []
    : [`Stale: ${namedHosts(hosts)}`, `Each of them: ${pairAgain(own)}`];
}
