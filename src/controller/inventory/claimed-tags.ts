/** Which hosts an expression may mean only because their agents say so. */
import { type HostExpression, termsOf } from "../../core/hosts/expression.ts";
import { type Tags, tagIn } from "../../core/tags.ts";
import { hostOf, type ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import { hostTags } from "./host-tags.ts";

/**
 * Of each of the hosts that have some: its tags whose keys the expression names, and that its agent alone claims. A
 * host that was taken over may claim any (T77).
 *
 * @param expression with its groups looked up
 * @throws CtrlExecError `storage` if what the hosts have told cannot be read
 */
export async function claimedTags(
  host: HostContext,
  expression: HostExpression,
  targets: readonly ResolvedTarget[],
): Promise<ReadonlyMap<ResolvedTarget, Tags>> {
  const found = new Map<ResolvedTarget, Tags>();
  const keys = new Set<string>();
  for (const term of termsOf(expression)) {
    if (term.kind === "tags") for (const { key } of term.conditions) keys.add(key);
  }
  if (keys.size === 0 || host.config.agent_tags === "ignore") return found;
  const known = await host.store.learned.known();
  for (const target of targets) {
    if (target.record === undefined) continue;
    const { claimed } = hostTags(target.record, known.get(hostOf(target)));
    const named = [...keys].flatMap((key) => {
      const value = tagIn(claimed, key);
      return value === undefined ? [] : [[key, value] as const];
    });
    if (named.length > 0) found.set(target, Object.fromEntries(named));
  }
  return found;
}
