/** The address at the other end of a socket, with the zone of a link-local address, which Bun leaves out. */
import { plainAddress } from "../../core/net/host-name.ts";
import { lacksZone } from "../../core/net/ip-address.ts";
import { libc } from "../libc.ts";
import { interfaceName } from "./socket-address.ts";

/** A socket of Bun, or of node:net. Both have the descriptor; neither's published type does. */
interface ConnectedSocket {
  /** Undefined if the peer has already left. */
  readonly remoteAddress?: string | undefined;
  readonly fd?: number;
  readonly _handle?: { readonly fd?: number } | null;
}

/** sockaddr_in6 of ipv6(7), on Linux and macOS alike: the zone is its last member. */
const ADDRESS_BYTES = 28;
const ZONE_AT = 24;

/** @returns empty if the peer has already left */
export function peerAddress(socket: ConnectedSocket): string {
  const address = plainAddress(socket.remoteAddress ?? "");
  if (!lacksZone(address)) return address;
  const bytes = Buffer.alloc(ADDRESS_BYTES);
  const size = new Uint32Array([ADDRESS_BYTES]);
  const descriptor = socket.fd ?? socket._handle?.fd ?? -1;
  if (libc().getpeername(descriptor, bytes, size) !== 0) return address;
  const index = bytes.readUInt32LE(ZONE_AT);
  return index === 0 ? address : `${address}%${interfaceName(index) ?? index}`;
}
