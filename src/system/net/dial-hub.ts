/** Dials a hub: for a control connection, or for one end of a splice. */
import type { X509Certificate } from "node:crypto";
import { messageOf } from "../../core/errors.ts";
import type { HubAddress } from "../../core/net/hub-address.ts";
import type { Serial } from "../../core/serial.ts";
import { controlGreeting, TLS_MAY_BEGIN, ticketGreeting } from "../../core/wire/hub-greeting.ts";
import { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import type { Dialled } from "./dial.ts";
import { connectTcp } from "./tcp.ts";
import type { TlsCredential } from "./tls-credential.ts";

type Where = Pick<HubAddress, "host" | "port" | "pin">;

/**
 * @param serial of the certificate that it should show, if it is a control host's and has several
 * @param judge says what is wrong with the hub's certificate, which is verified only for a hub without a pin
 * @throws ConnectionFailed; `EHUB` with the problem as its cause if the hub is not the one that was meant
 */
export async function dialHub(
  { host, port, pin }: Where,
  credential: TlsCredential,
  timeoutMs: number,
  serial: Serial | undefined,
  judge: (peer: X509Certificate) => string | undefined,
): Promise<Dialled> {
  const connection = await connectTcp(host, port, timeoutMs, { handlers: Connection.accepted });
  try {
    const allowed = hearsGoAhead(connection, timeoutMs);
    void connection.write(controlGreeting(serial));
    await allowed;
    const peer = await connection.secureAsClient(credential, timeoutMs, pin !== undefined);
    const problem = judge(peer);
    if (problem !== undefined) throw new ConnectionFailed("EHUB", new Error(problem));
    if (connection.closed) throw new ConnectionFailed("ECONNRESET");
    return { connection, peer };
  } catch (thrown) {
    connection.close();
    throw thrown;
  }
}

/**
 * @param side which one this end is in the TLS that follows: a server notices whether its client has said anything
 * @throws ConnectionFailed
 */
export async function dialWithTicket(
  { host, port }: Where,
  ticket: string,
  timeoutMs: number,
  side: "client" | "server",
): Promise<Connection> {
  const handlers = side === "server" ? Connection.accepted : Connection.dialled;
  const connection = await connectTcp(host, port, timeoutMs, { handlers });
  await connection.write(ticketGreeting(ticket));
  return connection;
}

/** Why a hub could not be reached, in a few words. @param closed those for a connection that ends without a reason */
export function whyNoHub(thrown: unknown, closed: string): string {
  if (!(thrown instanceof ConnectionFailed)) return messageOf(thrown);
  return thrown.code === "EHUB" ? messageOf(thrown.cause) : thrown.code || closed;
}

async function hearsGoAhead(connection: Connection, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using _deadline = connection.failAfter(timeoutMs);
  let came = "";
  const fail = (fault?: ConnectionFailed) => reject(fault ?? new ConnectionFailed("ECONNRESET"));
  connection.read({
    data(chunk) {
      came += chunk.toString("latin1");
      if (came === TLS_MAY_BEGIN) resolve();
      else if (!TLS_MAY_BEGIN.startsWith(came)) connection.fail(new ConnectionFailed("EPROTO"));
    },
    end: () => connection.close(),
    closed: fail,
  });
  connection.resume();
  await promise;
}
