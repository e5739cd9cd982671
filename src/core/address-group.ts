/** Whose address it is, as far as a stranger can choose it. */
import { isIPv6 } from "node:net";
import { plainAddress } from "./host-name.ts";

/** An IPv4 address stands for itself, an IPv6 address for its /64, which one host has whole. */
export function addressGroup(address: string): string {
  const [plain = ""] = plainAddress(address).split("%");
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  if (tail === undefined) return prefix(left);
  const right = tail === "" ? [] : tail.split(":");
  // A dotted end stands for two groups, and both are below the /64.
  const missing = 8 - left.length - right.length - (tail.includes(".") ? 1 : 0);
  return prefix([...left, ...Array.from({ length: missing }, () => "0"), ...right]);
}

function prefix(groups: readonly string[]): string {
  const four = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${four.join(":")}::/64`;
}

/**
 * Who has to make room for a newcomer in a place that is full: one of those that hold most of it,
 * provided they still hold no less than the newcomer's own afterwards.
 *
 * @param holders by group
 * @returns the holders of the greediest group; undefined when the newcomer's share is as large
 */
export function greediest<Holder>(
  holders: Iterable<readonly [group: string, holder: Holder]>,
  newcomer: string,
): Holder[] | undefined {
  const byGroup = new Map<string, Holder[]>();
  for (const [group, holder] of holders) {
    const own = byGroup.get(group);
    if (own === undefined) byGroup.set(group, [holder]);
    else own.push(holder);
  }
  let most: Holder[] = [];
  for (const own of byGroup.values()) if (own.length > most.length) most = own;
  const afterwards = (byGroup.get(newcomer)?.length ?? 0) + 1;
  return most.length > afterwards ? most : undefined;
}
