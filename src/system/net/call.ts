/**
 * One call to one address. Bun's own connect reports ECONNREFUSED for a host that is off and for a network
 * without a route. So on Linux we open and connect the socket here, and give it to Bun while the call is under
 * way: Bun then reads from the socket why it failed, as it does for every connection.
 */
import { read } from "bun:ffi";
import type { SocketHandler, TCPSocketConnectOptions } from "bun";
import { lacksZone } from "../../core/net/ip-address.ts";
import { errnoName } from "../errno-name.ts";
import { errnoLocation, libc } from "../libc.ts";
import { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import { socketAddress } from "./socket-address.ts";

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const EINPROGRESS = 115;

const LINUX = process.platform === "linux";

export interface Call {
  /** Rejects with ConnectionFailed: the system's code for why there is no answer, or `ENOZONE`. */
  readonly answered: Promise<Connection>;
  /** Ends the call, unless it has been answered. */
  giveUp(): void;
}

/**
 * @param address IPv4 or IPv6, perhaps with a zone
 * @param onEnd called when it no longer holds a descriptor: it has failed, or its connection is closed
 * @param handlers of the connection: `Connection.accepted` if it is read before its handshake
 */
export function call(
  address: string,
  port: number,
  onEnd: () => void,
  handlers = Connection.dialled,
): Call {
  const { promise: answered, resolve, reject } = Promise.withResolvers<Connection>();
  let calling: Connection | undefined;
  let stands = false;
  let givenUp = false;
  const established = (connection: Connection) => {
    if (stands) return;
    stands = true;
    if (givenUp) connection.close();
    else resolve(connection);
  };
  const fail = (failed: ConnectionFailed) => {
    reject(failed);
    onEnd();
  };
  const socket: SocketHandler<Connection> = {
    ...handlers,
    open(opened) {
      const connection = new Connection(opened);
      calling = connection;
      connection.onClose((fault) => fail(fault ?? new ConnectionFailed("ECONNABORTED")));
      if (!LINUX) established(connection);
    },
    // The connection is established: it can be written to.
    drain(opened) {
      established(opened.data);
      handlers.drain?.(opened);
    },
  };
  void connect(address, port, socket).catch((thrown) => fail(ConnectionFailed.from(thrown)));
  answered.catch(() => undefined);
  return {
    answered,
    giveUp() {
      givenUp = true;
      if (!stands) calling?.close();
    },
  };
}

/** Bun accepts a descriptor in place of the address; its published type has only the address. */
type ConnectOptions = TCPSocketConnectOptions<Connection> & { readonly fd?: number };

async function connect(
  hostname: string,
  port: number,
  socket: SocketHandler<Connection>,
): Promise<void> {
  if (lacksZone(hostname)) throw new ConnectionFailed("ENOZONE");
  const options: ConnectOptions = { hostname, port, allowHalfOpen: true, socket };
  if (!LINUX) {
    await Bun.connect(options);
    return;
  }
  const fd = await startConnecting(hostname, port);
  try {
    const adopted: ConnectOptions = { ...options, fd };
    await Bun.connect(adopted);
  } catch (thrown) {
    libc().close(fd);
    throw thrown;
  }
}

/**
 * @returns the descriptor of a socket that is connecting or already connected
 * @throws ConnectionFailed
 */
async function startConnecting(address: string, port: number): Promise<number> {
  const { family, bytes } = socketAddress(address, port);
  const errno = errnoLocation();
  const fd = libc().socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw await failedWith(read.i32(errno));
  if (libc().connect(fd, bytes, bytes.length) === 0) return fd;
  const code = read.i32(errno);
  if (code === EINPROGRESS) return fd;
  libc().close(fd);
  throw await failedWith(code);
}

async function failedWith(code: number): Promise<ConnectionFailed> {
  // Loaded only on failure, which is rare.
  const { errno } = (await import("node:os")).constants;
  return new ConnectionFailed(errnoName(code, { ...errno }));
}
