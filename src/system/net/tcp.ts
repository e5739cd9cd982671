/** TCP connections, outgoing and incoming, before their TLS handshakes. */
import type { Socket, SocketHandler } from "bun";
import { systemCode } from "../../core/errors.ts";
import { isIp } from "../../core/net/ip-address.ts";
import type { Pool } from "../../core/pool.ts";
import { Deadline } from "../deadline.ts";
import { workDescriptors } from "../process/descriptors.ts";
import { type Call, call } from "./call.ts";
import { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import { firstToAnswer, type Race } from "./first-to-answer.ts";
import { cannotListen, mayRetryWithIpv4 } from "./listen.ts";

interface TcpOptions {
  /** Undefined asks the name server. */
  readonly lookUp?: (name: string) => Promise<string[]>;
  /** The pool from which each attempt takes one. */
  readonly descriptors?: Pool;
  /** `Connection.accepted` if it is read before its handshake. */
  readonly handlers?: SocketHandler<Connection>;
}

/**
 * Dials whichever of the name's addresses answers first.
 *
 * @throws ConnectionFailed: the system's code for why there is no answer; `ETIMEDOUT` after `timeoutMs`, or
 * `EAI_AGAIN` if the name server had not answered by then, `EMFILE` if no descriptor had become free (T20, T65)
 */
export async function connectTcp(
  host: string,
  port: number,
  timeoutMs: number,
  {
    lookUp = addressesOf,
    descriptors = workDescriptors(),
    handlers = Connection.dialled,
  }: TcpOptions = {},
): Promise<Connection> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  let waitsFor = "EAI_AGAIN";
  let underWay = 0;
  using _deadline = new Deadline(timeoutMs, () => reject(new ConnectionFailed(waitsFor)));
  const calls: Call[] = [];
  const callInTurn = async (address: string, race: Race) => {
    if (underWay === 0) waitsFor = "EMFILE";
    const taken = await descriptors.takeOne(race.over);
    if (race.isOver()) {
      if (taken) descriptors.giveBack(1);
      return await late;
    }
    waitsFor = "ETIMEDOUT";
    underWay += 1;
    const made = call(
      address,
      port,
      () => {
        underWay -= 1;
        descriptors.giveBack(1);
      },
      handlers,
    );
    calls.push(made);
    return await made.answered;
  };
  try {
    const addresses = isIp(host) ? [host] : await Promise.race([lookUp(host), late]);
    return await firstToAnswer(addresses, callInTurn, late);
  } finally {
    for (const made of calls) made.giveUp();
  }
}

async function addressesOf(name: string): Promise<string[]> {
  try {
    const found = await Bun.dns.lookup(name, { backend: "libc" });
    return found.map(({ address }) => address);
  } catch (thrown) {
    throw new ConnectionFailed(systemCode(thrown).replace(/^DNS_/, ""), thrown);
  }
}

export interface Listening {
  readonly port: number;
  /** Stops accepting. */
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
