/** Which hosts are selected, or put into their batch, only because their agents say so. */
import { type HostExpression, termsOf } from "../../core/hosts/expression.ts";
import { tagIn } from "../../core/tags.ts";
import { hostTags } from "../fleet/host-tags.ts";
import { hostOf, type ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";

export interface Claims {
  /** By key; null if the agent claims to have no tag with the key. */
  readonly tags: Readonly<Record<string, string | null>>;
  /** The version of its program; undefined if the expression does not look at it. */
  readonly version: string | undefined;
}

/**
 * For each of the hosts for which only the agent vouches: its claims about the tags and versions that the expression
 * looks at, and about the tags by which batches are limited. A host that was taken over may claim any, and leave any
 * out (T77).
 *
 * @param expression with its groups looked up; undefined if each host was named
 * @param batchedBy the keys of per_tag
 * @throws CtrlExecError `storage` if what the hosts have reported cannot be read
 */
export async function claims(
  host: HostContext,
  expression: HostExpression | undefined,
  targets: readonly ResolvedTarget[],
  batchedBy: readonly string[] = [],
): Promise<ReadonlyMap<ResolvedTarget, Claims>> {
  const found = new Map<ResolvedTarget, Claims>();
  const keys = new Set(batchedBy);
  let asksVersion = false;
  for (const term of expression === undefined ? [] : termsOf(expression)) {
    if (term.kind === "tags") for (const { key } of term.conditions) keys.add(key);
    if (term.kind === "version") asksVersion = true;
  }
  const asksNothing = keys.size === 0 && !asksVersion;
  if (asksNothing || host.config.agent_tags === "ignore") return found;
  const known = await host.store.learned.known();
  for (const target of targets) {
    if (target.record === undefined) continue;
    const told = known.get(hostOf(target));
    const { own, claimed, claimedAt, tooLong } = hostTags(target.record, told);
    const others = [...keys].filter((key) => tagIn(own, key) === undefined);
    const hasTold = claimedAt !== undefined && !tooLong;
    const tags = hasTold ? others.map((key) => [key, tagIn(claimed, key) ?? null] as const) : [];
    const version = asksVersion ? told?.version?.value : undefined;
    if (tags.length > 0 || version !== undefined) {
      found.set(target, { tags: Object.fromEntries(tags), version });
    }
  }
  return found;
}
