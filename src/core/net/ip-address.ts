/** Recognises IP addresses; node:net can too, but loading it costs 6 ms and its streams. */

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

const IPV6_GROUP = /^[0-9A-Fa-f]{1,4}$/;

/** The zone of a link-local address: its interface (RFC 4007 section 11). */
const ZONE = /%[0-9A-Za-z._:-]+$/;

/** fe80::/10 (RFC 4291 section 2.5.6): there is one on every interface, so without a zone it names no host. */
const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

/**
 * 4 or 6 for an address that node:net accepts (and with `_` in a zone), without brackets; 0 for anything else.
 */
export function ipVersion(text: string): 0 | 4 | 6 {
  if (isIpv4(text)) return 4;
  // Of a hundred thousand names none needs a closer look.
  return text.includes(":") && isIpv6(text) ? 6 : 0;
}

export function isIp(text: string): boolean {
  return ipVersion(text) !== 0;
}

/** @param address IPv4 or IPv6, with or without a zone */
export function isLinkLocal(address: string): boolean {
  return LINK_LOCAL.test(address);
}

/** Whether it names no host: link-local, without a zone that says on which interface. */
export function lacksZone(address: string): boolean {
  return isLinkLocal(address) && !address.includes("%");
}

function isIpv4(text: string): boolean {
  return IPV4.test(text);
}

/** RFC 4291 section 2.2. */
function isIpv6(text: string): boolean {
  const address = text.replace(ZONE, "");
  const [head = "", tail, third] = address.split("::");
  if (third !== undefined) return false;
  const groups = [head, tail ?? ""]
    .filter((part) => part !== "")
    .flatMap((part) => part.split(":"));
  const last = groups.at(-1) ?? "";
  // The last two groups may be written as an IPv4 address.
  const mixed = isIpv4(last) && address.endsWith(last);
  if (mixed) groups.splice(-1, 1, "0", "0");
  if (!groups.every((group) => IPV6_GROUP.test(group))) return false;
  return tail === undefined ? groups.length === 8 : groups.length < 8;
}
