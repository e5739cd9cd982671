/**
 * Host names, addresses and targets.
 *
 * A host name is checked here before it is part of a path, a certificate or a screen (T06).
 */
import { ipVersion, isIp, isLinkLocal } from "./ip-address.ts";

const LABEL = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/** Most characters in a name, which takes 255 bytes in DNS (RFC 1035 section 3.1). */
const MAX_NAME = 253;

/** RFC 1123 section 2.1: labels of letters, digits and inner hyphens. */
export function isHostName(name: string): boolean {
  return name.length <= MAX_NAME && name.split(".").every((label) => LABEL.test(label));
}

/** Whether a resolver may know it: not every DNS name is a host name (RFC 2181 section 11). */
export function isResolvableName(name: string): boolean {
  return /^[A-Za-z0-9._-]+$/.test(name) && name.length <= MAX_NAME;
}

/**
 * The name in the control host's own certificate. No agent is paired under it: it tells the control host's
 * certificate from an agent's, which the same CA signs.
 */
export const CONTROLLER_NAME = "ctrl-exec";

/** A record is the file `<host name>.json` (docs/PROTOCOL.md, section 4); a file name has at most 255 bytes. */
const MAX_PAIRED_NAME = 250;

/**
 * Why no host can be paired under the name; undefined if one can. Resolvers and URLs treat a name that ends in a
 * number as an IPv4 address, or reject it: the last label of a host name is not all digits (RFC 1123 section 2.1;
 * "ends in a number" of the URL standard).
 */
export function pairedNameProblem(name: string): string | undefined {
  if (!isHostName(name)) return "not a host name";
  if (name.length > MAX_PAIRED_NAME) return `longer than ${MAX_PAIRED_NAME} characters`;
  if (/(?:^|\.)(?:\d+|0x[0-9a-f]*)$/i.test(name)) return "a host name does not end in a number";
  if (sameHostName(name, CONTROLLER_NAME))
    return `${CONTROLLER_NAME} is the control host's own name`;
  return undefined;
}

/** Host names are compared without regard to case, in ASCII only (RFC 4343): U+212A is not a k. */
export function sameHostName(a: string, b: string): boolean {
  return lowerAscii(a) === lowerAscii(b);
}

/** Lower-cases only ASCII letters, as host names are compared. */
export function lowerAscii(text: string): string {
  // Most are: the runtime then makes no new text.
  if (text.toLowerCase() === text) return text;
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** `::ffff:192.0.2.1` is `192.0.2.1`: one host, one spelling (T28). */
export function plainAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  return mapped?.[1] ?? address;
}

/**
 * Forms that no RFC defines but every resolver accepts: `127.1`, `0x7f.1`, `2130706433`, and `10.0.0.012`,
 * which is 10.0.0.10. They would dial another host than the one that is shown, locked and recorded.
 */
const ODD_ADDRESS = /^(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*$/i;

/** Whether a resolver reads the name as an address that it does not look like. */
export function readsAsOtherAddress(name: string): boolean {
  return ODD_ADDRESS.test(name) && !isIp(name);
}

/**
 * The canonical form of an address, for comparison; IPv6 has many forms, one with IPv4 inside. A zone stays as
 * typed, since interface names have case.
 */
export function canonicalAddress(address: string): string {
  if (ipVersion(address) !== 6) return address;
  const [bare = "", zone] = address.split("%", 2);
  return zone === undefined ? canonicalIpv6(bare) : `${canonicalIpv6(bare)}%${zone}`;
}

/** @param address without a zone */
function canonicalIpv6(address: string): string {
  const host = URL.parse(`http://[${address}]/`)?.hostname ?? address.toLowerCase();
  const [, high, low] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(host) ?? [];
  if (high === undefined || low === undefined) return host.replaceAll(/[[\]]/g, "");
  const bytes = [high, low].flatMap((part) => {
    const value = Number.parseInt(part, 16);
    return [value >> 8, value & 255];
  });
  return bytes.join(".");
}

/** A host as named by an operator. */
export interface Target {
  /** Exactly what was typed, without the port. */
  readonly name: string;
  readonly port: number | undefined;
}

/**
 * Whether an address stands for one host that can be called. A zone has a meaning only with a link-local
 * address (RFC 4007 section 6): with any other, the kernel ignores it, and one host would have as many
 * spellings as there are zones, none of which an auth hook knows (T67). For the same reason an interface must
 * be named, not numbered. The unspecified address reaches this host itself.
 */
function namesOneHost(address: string): boolean {
  const [canonical = "", zone] = canonicalAddress(address).split("%", 2);
  if (canonical === "::" || canonical === "0.0.0.0") return false;
  return zone === undefined || (isLinkLocal(canonical) && !/^\d+$/.test(zone));
}

/**
 * Reads `host`, `host:port`, `address`, `address:port`, `[v6]`, `[v6]:port` or a bare IPv6 address. Returns
 * undefined if the text is none of these, or an address that cannot be a host's.
 */
export function parseTarget(text: string): Target | undefined {
  // Most of ten thousand hosts: what begins with a letter and has no colon is not an address.
  if (/^[A-Za-z][A-Za-z0-9.-]*$/.test(text)) {
    return isHostName(text) ? { name: text, port: undefined } : undefined;
  }
  const target = readTarget(text);
  if (target === undefined || !isIp(target.name)) return target;
  return namesOneHost(target.name) ? target : undefined;
}

/** The name to look a host up by, however it was typed. */
export function lookupName(host: string): string {
  return (parseTarget(host)?.name ?? host).toLowerCase();
}

function readTarget(text: string): Target | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(text);
  if (bracketed?.[1] !== undefined) {
    return ipVersion(bracketed[1]) === 6 ? withPort(bracketed[1], bracketed[2]) : undefined;
  }
  if (ipVersion(text) === 6) return { name: text, port: undefined };
  const plain = /^([^:]+)(?::(\d{1,5}))?$/.exec(text);
  if (plain?.[1] === undefined) return undefined;
  if (!isIp(plain[1]) && (!isHostName(plain[1]) || readsAsOtherAddress(plain[1]))) return undefined;
  return withPort(plain[1], plain[2]);
}

function withPort(name: string, digits: string | undefined): Target | undefined {
  if (digits === undefined) return { name, port: undefined };
  const port = Number(digits);
  return port >= 1 && port <= 65_535 ? { name, port } : undefined;
}

/** `host:port`, with brackets around IPv6. */
export function formatHostPort(host: string, port: number): string {
  return ipVersion(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
