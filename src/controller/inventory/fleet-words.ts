/**
 * What can be offered to a person who completes a word: from files alone, without asking a host, a hook or
 * group_command.
 */
import { hasRun, termsOf, unionOf } from "../../core/hosts/expression.ts";
import { parseHostExpression } from "../../core/hosts/parse-expression.ts";
import { isReservedScript } from "../../core/reserved-script.ts";
import { isScriptName } from "../../core/script-name.ts";
import { usedTags } from "../fleet/host-tags.ts";
import { readInventory } from "../fleet/read-inventory.ts";
import { selectHosts } from "../fleet/selector.ts";
import { withKnownGroups } from "../groups/groups.ts";
import type { HostContext } from "../store/host.ts";

export interface FleetWords {
  /** The values of each key that an expression may refer to. */
  readonly tags: ReadonlyMap<string, ReadonlySet<string>>;
  readonly versions: ReadonlySet<string>;
}

/** Different keys, values of a key, and versions: more than a person reads, however many agents claim. */
const MAX_WORDS = 1000;

/** @throws CtrlExecError if they cannot be read */
export async function fleetWords({ config, store }: HostContext): Promise<FleetWords> {
  const tags = new Map<string, Set<string>>();
  const versions = new Set<string>();
  const known = await store.learned.known();
  const add = (words: Set<string>, word: string) => {
    if (words.size < MAX_WORDS) words.add(word);
  };
  for (const [name, record] of await store.registry.records()) {
    const told = known.get(name);
    for (const [key, value] of usedTags(config, record, told).tags()) {
      const values = tags.get(key) ?? new Set();
      if (tags.size < MAX_WORDS) tags.set(key, values);
      add(values, value);
    }
    if (told?.version !== undefined && config.agent_tags !== "ignore") {
      add(versions, told.version.value);
    }
  }
  return { tags, versions };
}

/**
 * The hosts that were typed so far, as far as they are known. What @failed and @missed stand for is not: the hook
 * would be asked whether the run may be read.
 *
 * @returns undefined if that cannot be determined, or if nothing was typed
 */
export async function hostsAtHand(
  host: HostContext,
  typed: readonly string[],
): Promise<readonly string[] | undefined> {
  if (typed.length === 0) return undefined;
  try {
    const expression = await withKnownGroups(host, unionOf(typed.map(parseHostExpression)));
    if ([...termsOf(expression)].some(hasRun)) return undefined;
    const inventory = await readInventory(host, expression, new Map());
    return selectHosts(expression, inventory).hosts.map(({ name }) => name);
  } catch {
    // Part of an expression, or a file that this user cannot read.
    return undefined;
  }
}

/**
 * The names of scripts that one of the hosts has reported, or that have run there; sorted. A name that looks like an
 * option is left out: the shell would type it (T78).
 *
 * @param hosts undefined means all
 */
export async function scriptsAtHand(
  { store }: HostContext,
  hosts: readonly string[] | undefined,
): Promise<readonly string[]> {
  if (hosts?.length === 0) return [];
  const told = await store.learned
    .scripts(hosts ?? (await store.registry.names()))
    .catch(() => new Map());
  const names = new Set(await store.runs.scriptsSeen(hosts ?? []));
  for (const { value } of told.values()) for (const name of value) names.add(name);
  return [...names]
    .filter((name) => isScriptName(name) && !name.startsWith("-") && !isReservedScript(name))
    .sort();
}
