/** TCP connections, to others and from others. Each still has its TLS handshake before it. */
import type { Socket, SocketHandler } from "bun";
import { isIp } from "../core/ip-address.ts";
import { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import { workDescriptors } from "./descriptors.ts";
import { cannotListen, mayRetryWithIpv4 } from "./listen.ts";

/**
 * Calls to connect that were given up: Bun cannot take one back, so it holds a descriptor until the
 * system has its answer, two minutes later at most.
 */
let givenUp = 0;

/**
 * Dials, by whichever of the name's addresses answers first.
 *
 * @throws ConnectionFailed: `ETIMEDOUT`, `EAI_AGAIN` when it was the name server that did not answer
 *   within `timeoutMs`, `EMFILE` when half of the descriptors wait for hosts that do not answer, or none
 *   became free in that time (T20, T65)
 */
export async function connectTcp(
  host: string,
  port: number,
  timeoutMs: number,
): Promise<Connection> {
  const descriptors = workDescriptors();
  if (givenUp >= descriptors.size / 2) throw new ConnectionFailed("EMFILE");
  const { promise: late, reject } = Promise.withResolvers<never>();
  let waitsFor = "EMFILE";
  const timer = setTimeout(() => reject(new ConnectionFailed(waitsFor)), timeoutMs);
  try {
    if (!(await descriptors.takeOne(late))) return await late;
    // Held until the call has come to its end, whoever still waits for it, and the connection to its own.
    const giveBack = () => descriptors.giveBack(1);
    try {
      waitsFor = "EAI_AGAIN";
      // As the connecting itself looks names up. One that cannot be found is that call's to report.
      const lookup = () => Bun.dns.lookup(host, { backend: "libc" }).catch(() => undefined);
      if (!isIp(host)) await Promise.race([lookup(), late]);
    } catch (thrown) {
      giveBack();
      throw thrown;
    }
    waitsFor = "ETIMEDOUT";
    const dialled = dial(host, port);
    dialled.then((connection) => connection.onClose(giveBack), giveBack);
    late.catch(() => closeWhenOpen(dialled));
    return await Promise.race([dialled, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function closeWhenOpen(dialled: Promise<Connection>): Promise<void> {
  givenUp += 1;
  try {
    (await dialled).close();
  } catch {
    // Nobody answered.
  } finally {
    givenUp -= 1;
  }
}

async function dial(hostname: string, port: number): Promise<Connection> {
  try {
    const socket = await Bun.connect<Connection>({
      hostname,
      port,
      allowHalfOpen: true,
      socket: DIALLED,
    });
    return socket.data;
  } catch (thrown) {
    const failed = ConnectionFailed.from(thrown);
    const refused = failed.code === "ECONNREFUSED" && isIp(hostname);
    throw (refused ? await hindrance(hostname, port) : undefined) ?? failed;
  }
}

/**
 * Why this host cannot even begin to connect: no descriptor is left, no route leads there. Bun calls all
 * of that a refusal. A datagram socket, which sends nothing here, is given the system's own answer.
 */
async function hindrance(hostname: string, port: number): Promise<ConnectionFailed | undefined> {
  const bind = hostname.includes(":") ? "::" : "0.0.0.0";
  try {
    const socket = await Bun.udpSocket({ hostname: bind, connect: { hostname, port } });
    socket.close();
    return undefined;
  } catch (thrown) {
    return ConnectionFailed.from(thrown);
  }
}

const DIALLED: SocketHandler<Connection> = {
  ...Connection.dialled,
  open(socket) {
    socket.data = new Connection(socket);
  },
};

export interface Listening {
  readonly port: number;
  /** Accepts no more. */
  stop(): void;
}

/**
 * Listens; the system chooses the port when 0 is asked for. `::` takes IPv4 as well, and falls back
 * to IPv4 alone on a host without IPv6.
 *
 * @throws CtrlExecError when it cannot be bound: `busy` when it may be worth another try, else `config`
 */
export function listenTcp(
  bind: string,
  port: number,
  onConnection: (connection: Connection) => void,
): Listening {
  const open = (socket: Socket<Connection>) => onConnection(new Connection(socket));
  try {
    const listener = Bun.listen<Connection>({
      hostname: bind,
      port,
      allowHalfOpen: true,
      socket: { ...Connection.accepted, open },
    });
    return { port: listener.port, stop: () => listener.stop() };
  } catch (thrown) {
    if (mayRetryWithIpv4(thrown, bind)) return listenTcp("0.0.0.0", port, onConnection);
    throw cannotListen(thrown, bind, port);
  }
}
