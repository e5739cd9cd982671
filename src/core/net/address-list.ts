/** Addresses and prefixes of any length, as `allowed_ips` lists them (T28). */
import type { BlockList } from "node:net";
import { canonicalAddress } from "./host-name.ts";
import { ipVersion } from "./ip-address.ts";

export interface AddressPrefix {
  readonly family: "ipv4" | "ipv6";
  readonly address: string;
  /** Length of the prefix in bits; a single address has the full length. */
  readonly bits: number;
}

/** IPv4 addresses are `::ffff:0:0/96` in IPv6. */
const MAPPED_BITS = 96;

/** Reads `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`; undefined when the text is none of these. */
export function parseAddressPrefix(text: string): AddressPrefix | undefined {
  const [, typed = "", digits] = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = canonicalAddress(typed);
  const version = ipVersion(address);
  if (version === 0) return undefined;
  const width = version === 4 ? 32 : 128;
  // In any of its forms: `::ffff:10.0.0.1`, `::ffff:a00:1`, `0:0:0:0:0:ffff:a00:1`.
  const mapped = version === 4 && ipVersion(typed) === 6;
  const typedBits = digits === undefined ? undefined : Number(digits);
  const bits = (typedBits ?? (mapped ? 128 : width)) - (mapped ? MAPPED_BITS : 0);
  if (bits < 0 || bits > width) return undefined;
  return { family: version === 4 ? "ipv4" : "ipv6", address, bits };
}

/** Whether there is an address in both: then the narrower one lies in the other. */
export async function prefixesMeet(a: AddressPrefix, b: AddressPrefix): Promise<boolean> {
  const [wide, narrow] = a.bits <= b.bits ? [a, b] : [b, a];
  return (await AddressList.of([wide])).has(narrow.address);
}

export class AddressList {
  // Two lists, because BlockList would count an IPv4 address as a member of ::/0.
  readonly #lists: Readonly<Record<AddressPrefix["family"], BlockList>>;

  private constructor(lists: Readonly<Record<AddressPrefix["family"], BlockList>>) {
    this.#lists = lists;
  }

  static async of(prefixes: readonly AddressPrefix[]): Promise<AddressList> {
    // Loaded only when needed: it loads the streams, which an agent can do without.
    const { BlockList } = await import("node:net");
    const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
    for (const { family, address, bits } of prefixes) {
      lists[family].addSubnet(address, bits, family);
    }
    return new AddressList(lists);
  }

  /** An IPv4-mapped address counts as IPv4; a zone (`%eth0`) does not count. */
  has(address: string): boolean {
    const [bare = ""] = address.split("%");
    const plain = canonicalAddress(bare);
    const version = ipVersion(plain);
    if (version === 0) return false;
    const family = version === 4 ? "ipv4" : "ipv6";
    return this.#lists[family].check(plain, family);
  }
}
