/** Datagram sockets of the local family, which neither Bun nor Node opens. */
import { libc } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const DARWIN = process.platform === "darwin";

/** Linux sockaddr_un has 108 bytes of path, with its final NUL. */
const MAX_SOCKET_PATH = 107;

/**
 * @param path of the socket; `@name` is one without a file (Linux, unix(7) "abstract")
 * @returns a connected descriptor, or -1
 */
export function connectDatagram(path: string): number {
  const address = socketAddress(path);
  if (address === undefined) return -1;
  const descriptor = libc().socket(AF_UNIX, SOCK_DGRAM | (DARWIN ? 0 : SOCK_CLOEXEC), 0);
  if (descriptor < 0) return -1;
  if (libc().connect(descriptor, address, address.length) === 0) return descriptor;
  libc().close(descriptor);
  return -1;
}

function socketAddress(path: string): Uint8Array | undefined {
  const abstract = path.startsWith("@");
  const name = Buffer.from(abstract ? `\0${path.slice(1)}` : path, "utf8");
  if (name.length > MAX_SOCKET_PATH) return undefined;
  // The length counts in an abstract name, where a NUL at the end would be part of it.
  const address = Buffer.alloc(2 + name.length + (abstract ? 0 : 1));
  if (DARWIN) address.set([address.length, AF_UNIX]);
  else address.writeUInt16LE(AF_UNIX);
  address.set(name, 2);
  return address;
}
