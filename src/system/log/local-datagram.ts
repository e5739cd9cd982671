/** Datagram sockets of the local family, which neither Bun nor Node opens. */
import { libc } from "../libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const DARWIN = process.platform === "darwin";
const MSG_DONTWAIT = DARWIN ? 0x80 : 0x40;

/** Linux sockaddr_un has 108 bytes of path, with its final NUL. */
const MAX_SOCKET_PATH = 107;

/** Sends to a socket whose reader may be missing, restart, or hang (T66). */
export class DatagramSender {
  readonly #path: string;
  #descriptor = -1;

  /** @param path of the socket; `@name` is an abstract one (Linux, unix(7)) */
  constructor(path: string) {
    this.#path = path;
  }

  /** Never waits: `busy` means that the reader's queue, often of 10 datagrams, is full. */
  send(datagram: Uint8Array): "sent" | "busy" | "unreachable" {
    if (this.#descriptor >= 0 && this.#sendOnce(datagram)) return "sent";
    // A reader that was restarted has a new socket under the same name.
    this.close();
    this.#descriptor = connectDatagram(this.#path);
    if (this.#descriptor < 0) return "unreachable";
    return this.#sendOnce(datagram) ? "sent" : "busy";
  }

  close(): void {
    if (this.#descriptor >= 0) libc().close(this.#descriptor);
    this.#descriptor = -1;
  }

  #sendOnce(datagram: Uint8Array): boolean {
    const length = BigInt(datagram.length);
    return Number(libc().send(this.#descriptor, datagram, length, MSG_DONTWAIT)) >= 0;
  }
}

/** @returns a connected descriptor, or -1 */
function connectDatagram(path: string): number {
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
  // The length matters in an abstract name: a NUL at the end would be part of it.
  const address = Buffer.alloc(2 + name.length + (abstract ? 0 : 1));
  if (DARWIN) address.set([address.length, AF_UNIX]);
  else address.writeUInt16LE(AF_UNIX);
  address.set(name, 2);
  return address;
}
