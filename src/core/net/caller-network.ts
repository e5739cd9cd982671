/** Callers as limits count them, since a stranger can use all addresses of a network. */
import { plainAddress } from "./host-name.ts";
import { ipVersion } from "./ip-address.ts";

/** A router gives one host 2^64 IPv6 addresses to call from (RFC 4291 section 2.5.4). */
const HOST_GROUPS = 4;

/** One customer routinely gets a /48 of IPv6 (RFC 6177 section 2). */
const SITE_GROUPS = 3;
/** The same for IPv4: the smallest block that the internet routes, 256 addresses. */
const SITE_OCTETS = 3;

/**
 * What a limit counts as one caller: an IPv4 address, or the /64 of an IPv6 address, within its zone. An
 * IPv4-mapped address counts as IPv4; a text that is not an address stands for itself.
 */
export function callerNetwork(address: string): string {
  const [plain, zone] = divided(address);
  return ipVersion(plain) === 6 ? `${ipv6Prefix(plain, HOST_GROUPS)}::/64${zone}` : plain;
}

/** The network around it, all of which one stranger may have: the /24 for IPv4, the /48 for IPv6. */
export function callerSite(address: string): string {
  const [plain, zone] = divided(address);
  if (ipVersion(plain) === 6) return `${ipv6Prefix(plain, SITE_GROUPS)}::/48${zone}`;
  if (ipVersion(plain) !== 4) return plain;
  return `${plain.split(".").slice(0, SITE_OCTETS).join(".")}.0/24`;
}

/** @returns the zone with its percent sign, or an empty text */
function divided(address: string): readonly [plain: string, zone: string] {
  const [plain = "", zone] = plainAddress(address).split("%");
  return [plain, zone === undefined ? "" : `%${zone}`];
}

function ipv6Prefix(plain: string, count: number): string {
  const [head = "", tail] = plain.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const behind = tail.split(":");
    // An IPv4 address at the end counts as two groups.
    const width = behind.length + (tail.includes(".") ? 1 : 0);
    while (groups.length + width < 8) groups.push("0");
    groups.push(...behind);
  }
  const network = groups.slice(0, count).map((group) => group.replace(/^0+(?=.)/, ""));
  return network.join(":");
}
