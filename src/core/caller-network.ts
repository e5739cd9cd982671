/** Callers as limits count them: a stranger chooses among the addresses of one network. */
import { plainAddress } from "./host-name.ts";
import { ipVersion } from "./ip-address.ts";

/** One host has 2^64 IPv6 addresses to call from: what a router gives it (RFC 4291 section 2.5.4). */
const HOST_GROUPS = 4;

/**
 * What a limit counts as one caller: an IPv4 address, or the /64 of an IPv6 address, within its zone.
 * An IPv4-mapped address counts as IPv4; what is no address is its own.
 */
export function callerNetwork(address: string): string {
  const [plain = "", zone] = plainAddress(address).split("%");
  if (ipVersion(plain) !== 6) return plain;
  const [head = "", tail] = plain.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const behind = tail === "" ? [] : tail.split(":");
    // An IPv4 address at the end stands for two groups.
    const width = behind.length + (tail.includes(".") ? 1 : 0);
    while (groups.length + width < 8) groups.push("0");
    groups.push(...behind);
  }
  const network = groups.slice(0, HOST_GROUPS).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${network.join(":")}::/64${zone === undefined ? "" : `%${zone}`}`;
}

/**
 * Who has to make room for a newcomer in a place that is full: one of those that hold most of it,
 * provided they still hold no less than the newcomer's own afterwards.
 *
 * @param holders by network
 * @returns the holders of the greediest network; undefined when the newcomer's share is as large
 */
export function greediest<Holder>(
  holders: Iterable<readonly [network: string, holder: Holder]>,
  newcomer: string,
): Holder[] | undefined {
  const byNetwork = new Map<string, Holder[]>();
  for (const [network, holder] of holders) {
    const own = byNetwork.get(network);
    if (own === undefined) byNetwork.set(network, [holder]);
    else own.push(holder);
  }
  let most: Holder[] = [];
  for (const own of byNetwork.values()) if (own.length > most.length) most = own;
  const afterwards = (byNetwork.get(newcomer)?.length ?? 0) + 1;
  return most.length > afterwards ? most : undefined;
}
