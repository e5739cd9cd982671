/** Where a host that was named can be called, in one spelling, so that two of them can be compared. */
import { canonicalAddress, lowerAscii } from "./host-name.ts";
import { isIp } from "./ip-address.ts";

export const DEFAULT_AGENT_PORT = 7443;

/** A host and port in canonical form, for comparison. */
export function socketAddress(address: string, port = DEFAULT_AGENT_PORT): string {
  return `${typedHost(address)} ${port}`;
}

/** A host as it was typed, in canonical form. */
export function typedHost(name: string): string {
  return isIp(name) ? canonicalAddress(name) : lowerAscii(name);
}
