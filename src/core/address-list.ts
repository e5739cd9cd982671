/** Addresses and prefixes of any length, as `allowed_ips` lists them (T28). */
import { BlockList, isIP } from "node:net";
import { plainAddress } from "./host-name.ts";

export interface AddressPrefix {
  readonly family: "ipv4" | "ipv6";
  readonly address: string;
  /** Length of the prefix in bits; a single address has all of them. */
  readonly bits: number;
}

/** `::ffff:0:0/96` is where IPv6 keeps the IPv4 addresses. */
const MAPPED_BITS = 96;

/** Reads `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`; undefined when the text is none of these. */
export function parseAddressPrefix(text: string): AddressPrefix | undefined {
  const [, typed = "", digits] = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = plainAddress(typed);
  const version = isIP(address);
  if (version === 0) return undefined;
  const width = version === 4 ? 32 : 128;
  const mapped = address !== typed;
  const typedBits = digits === undefined ? undefined : Number(digits);
  const bits = (typedBits ?? (mapped ? 128 : width)) - (mapped ? MAPPED_BITS : 0);
  if (bits < 0 || bits > width) return undefined;
  return { family: version === 4 ? "ipv4" : "ipv6", address, bits };
}

/** One host has 2^64 IPv6 addresses to call from: what a router gives it (RFC 4291 section 2.5.4). */
const HOST_GROUPS = 4;

/**
 * What a limit counts as one caller: an IPv4 address, or the /64 of an IPv6 address, within its zone.
 * An IPv4-mapped address counts as IPv4; what is no address is its own.
 */
export function callerNetwork(address: string): string {
  const [plain = "", zone] = plainAddress(address).split("%");
  if (isIP(plain) !== 6) return plain;
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

export class AddressList {
  // Two lists: BlockList would take an IPv4 address for a member of ::/0.
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() };

  constructor(prefixes: readonly AddressPrefix[]) {
    for (const { family, address, bits } of prefixes) {
      this.#lists[family].addSubnet(address, bits, family);
    }
  }

  /** An IPv4-mapped address counts as IPv4; a zone (`%eth0`) does not count. */
  has(address: string): boolean {
    const [plain = ""] = plainAddress(address).split("%");
    const version = isIP(plain);
    if (version === 0) return false;
    const family = version === 4 ? "ipv4" : "ipv6";
    return this.#lists[family].check(plain, family);
  }
}
