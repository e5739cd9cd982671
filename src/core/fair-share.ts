/**
 * Fair shares of what strangers fill (T19, T21): whoever comes to find it full is let in as long as somebody
 * else holds more. What is counted is a network first, since a stranger may have all addresses of one, and
 * within it the single caller.
 */
import { callerNetwork, callerSite } from "./caller-network.ts";

/** Of an address: its network, then the caller within it. */
export type Origin = readonly [site: string, caller: string];

export function originOf(address: string): Origin {
  return [callerSite(address), callerNetwork(address)];
}

export interface Holder {
  readonly origin: Origin;
  /** Whether it may be put out for somebody else. */
  mayGo(): boolean;
}

/**
 * Who gives way to a newcomer: of the network that holds most the caller that holds most, of its holders
 * the oldest. A network or caller that holds nothing yet is let in beside others that have as little; one
 * that holds something gets more only from those that hold more than it would then.
 *
 * @param holders the oldest first
 * @returns undefined when the newcomer is the one to be refused
 */
export function whoGivesWay<Held extends Holder>(
  holders: Iterable<Held>,
  newcomer: Origin,
): Held | undefined {
  return choose([...holders], newcomer, 0);
}

/** @param level of `origin`; all the holders share what stands before it there */
function choose<Held extends Holder>(
  holders: readonly Held[],
  newcomer: Origin,
  level: number,
): Held | undefined {
  if (level === newcomer.length) return holders.find((held) => held.mayGo());
  const groups = Map.groupBy(holders, ({ origin }) => origin[level]);
  const own = groups.get(newcomer[level]) ?? [];
  groups.delete(newcomer[level]);
  // Of groups as large as each other the one with the oldest holder stays first.
  for (const group of [...groups.values()].sort((a, b) => b.length - a.length)) {
    if (own.length > 0 && group.length <= own.length + 1) break;
    const found = choose(group, newcomer, level + 1);
    if (found !== undefined) return found;
  }
  return level + 1 < newcomer.length ? choose(own, newcomer, level + 1) : undefined;
}

/** Who holds most: of the network that holds most the caller, and of that one what it holds longest. */
export function whoHoldsMost<Held extends { readonly origin: Origin; readonly weight: number }>(
  holders: Iterable<Held>,
): Held | undefined {
  let left = [...holders];
  for (const level of [0, 1]) {
    let most = -1;
    for (const group of Map.groupBy(left, ({ origin }) => origin[level]).values()) {
      const weight = group.reduce((sum, held) => sum + held.weight, 0);
      if (weight <= most) continue;
      most = weight;
      left = group;
    }
  }
  return left[0];
}
