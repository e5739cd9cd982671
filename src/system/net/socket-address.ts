/** An address and port in the form that connect(2) accepts on Linux: ip(7), ipv6(7). */
import { ipVersion, isIp } from "../../core/net/ip-address.ts";
import { libc } from "../libc.ts";
import { ConnectionFailed } from "./connection-failed.ts";

/** Bytes of an interface's name, with its final NUL (net/if.h). */
const IF_NAMESIZE = 16;

export const AF_INET = 2;
export const AF_INET6 = 10;

export interface SocketAddress {
  readonly family: typeof AF_INET | typeof AF_INET6;
  readonly bytes: Buffer;
}

/**
 * @param address IPv4 or IPv6, perhaps with a zone (`fe80::1%eth0`)
 * @throws ConnectionFailed `ENODEV` when this host has no such interface
 */
export function socketAddress(address: string, port: number): SocketAddress {
  const [bare = "", zone] = address.split("%", 2);
  if (ipVersion(address) === 4) {
    const bytes = Buffer.alloc(16);
    bytes.writeUInt16LE(AF_INET);
    bytes.writeUInt16BE(port, 2);
    readAddress(AF_INET, bare, bytes.subarray(4));
    return { family: AF_INET, bytes };
  }
  const bytes = Buffer.alloc(28);
  bytes.writeUInt16LE(AF_INET6);
  bytes.writeUInt16BE(port, 2);
  readAddress(AF_INET6, bare, bytes.subarray(8));
  if (zone !== undefined) bytes.writeUInt32LE(interfaceIndex(zone), 24);
  return { family: AF_INET6, bytes };
}

function readAddress(family: number, text: string, into: Uint8Array): void {
  if (libc().inet_pton(family, cString(text), into) !== 1) throw new ConnectionFailed("EINVAL");
}

/**
 * By its name, or by its number, as getaddrinfo(3) writes zones. Not by an altname (ip-link(8)): one host would
 * have several spellings, and an auth hook may know only one of them (T67).
 */
function interfaceIndex(zone: string): number {
  const index = libc().if_nametoindex(cString(zone));
  if (index > 0 && interfaceName(index) === zone) return index;
  if (index === 0 && /^[1-9]\d{0,8}$/.test(zone)) return Number(zone);
  throw new ConnectionFailed("ENODEV");
}

/** Undefined if there is no such interface, or its name cannot be a zone here. */
export function interfaceName(index: number): string | undefined {
  const name = Buffer.alloc(IF_NAMESIZE);
  if (libc().if_indextoname(index, name) === null) return undefined;
  const text = name.toString("latin1", 0, name.indexOf(0));
  return isIp(`fe80::1%${text}`) ? text : undefined;
}

function cString(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}
