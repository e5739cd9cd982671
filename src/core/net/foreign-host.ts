/**
 * Which names this API answers to. A page whose name was made to point here (DNS rebinding) may read the
 * answers to its requests, and sends no Origin with those that only read; but the browser sends the page's name
 * as Host (T25).
 */
import { canonicalAddress, lowerAscii } from "./host-name.ts";
import { isIp } from "./ip-address.ts";

export interface HostRule {
  /** `api_hosts`: further names, in lower case. */
  readonly names: readonly string[];
  /** Where the API listens, an address. */
  readonly bind: string;
  /** With TLS, the browser itself compares the certificate's name with the page's. */
  readonly tls: boolean;
}

/**
 * The host that a request names, if this API does not answer to it. An address cannot be made to point
 * elsewhere, and `localhost` never leaves the browser's host.
 *
 * @param url from the request line; the host of a full URL wins over the header (RFC 9112 section 3.2.2)
 * @param header the Host header; HTTP/1.0, which browsers do not use, may have none
 */
export function foreignHost(
  url: string,
  header: string | undefined,
  { names, bind, tls }: HostRule,
): string | undefined {
  if (names.length === 0 && (tls || !isLoopback(bind))) return undefined;
  const [, inUrl] = /^https?:\/\/([^/?#]*)/i.exec(url) ?? [];
  const authority = inUrl ?? header;
  if (authority === undefined) return undefined;
  const name = lowerAscii(authority.replace(/:\d*$/, ""));
  const address = /^\[(.*)\]$/.exec(name)?.[1] ?? name;
  return isIp(address) || name === "localhost" || names.includes(name) ? undefined : authority;
}

/** RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3. */
export function isLoopback(address: string): boolean {
  const plain = canonicalAddress(address);
  return plain === "::1" || plain.startsWith("127.");
}
