/**
 * Strangers at a hub's port, until it is known who they are: what they have come for, in one line, and for a control
 * connection the handshake. They are few at once, and none stays long (T19).
 */
import type { X509Certificate } from "node:crypto";
import { messageOf } from "../core/errors.ts";
import type { Serial } from "../core/serial.ts";
import { readGreeting, TLS_MAY_BEGIN } from "../core/wire/hub-greeting.ts";
import type { Connection } from "../system/net/connection.ts";
import { ConnectionFailed } from "../system/net/connection-failed.ts";
import { handshakePace } from "../system/net/handshake-pace.ts";
import { OpenConnections } from "../system/net/open-connections.ts";
import type { TlsCredential } from "../system/net/tls-credential.ts";
import type { SpliceEnd } from "./splice.ts";

const GREETING_MS = 5_000;
const HANDSHAKE_MS = 10_000;

export interface ReceptionOptions {
  readonly limit: number;
  /** @param serial the one that the peer would know it by */
  credential(serial: Serial | undefined): TlsCredential;
  /**
   * A peer with a certificate of the CA. The connection is for the callee to close.
   * @param settled to be called when it is not a stranger any more
   */
  onPeer(connection: Connection, peer: X509Certificate, settled: () => void): void;
  /** @returns false if the ticket opens nothing */
  onTicket(ticket: string, end: SpliceEnd): boolean;
  onRefused(address: string, reason: string): void;
}

export class Reception {
  readonly #options: ReceptionOptions;
  readonly #strangers: OpenConnections<{ destroy(): void }>;

  constructor(options: ReceptionOptions) {
    this.#options = options;
    this.#strangers = new OpenConnections(options.limit);
  }

  async accept(connection: Connection): Promise<void> {
    const { address } = connection;
    const stranger = { destroy: () => connection.reset() };
    if (address === "" || !this.#strangers.admit(stranger, address, () => true)) {
      connection.reset();
      return;
    }
    const settled = () => {
      this.#strangers.remove(stranger);
      connection.offClose(settled);
    };
    connection.onClose(settled);
    try {
      await this.#receive(connection, settled);
    } catch (thrown) {
      connection.reset();
      const reason = thrown instanceof ConnectionFailed ? thrown.code : messageOf(thrown);
      // A port check says nothing, and leaves: it is nobody.
      if (connection.heard) this.#options.onRefused(address, reason || "unknown");
    }
  }

  closeAll(): void {
    this.#strangers.closeAll();
  }

  async #receive(connection: Connection, settled: () => void): Promise<void> {
    const greeting = await greetingOf(connection);
    if (greeting.kind === "bad") throw new ConnectionFailed("not the greeting of a hub's peer");
    if (greeting.kind === "ticket") {
      connection.pause();
      const { ticket, rest } = greeting;
      settled();
      if (this.#options.onTicket(ticket, { connection, early: Buffer.from(rest) })) return;
      throw new ConnectionFailed("the ticket opens nothing");
    }
    await handshakePace.turn("server");
    void connection.write(TLS_MAY_BEGIN);
    const credential = this.#options.credential(greeting.serial);
    const peer = await connection.secureAsServer(credential, HANDSHAKE_MS);
    if (!connection.closed) this.#options.onPeer(connection, peer, settled);
  }
}

async function greetingOf(connection: Connection) {
  const { promise, resolve, reject } =
    Promise.withResolvers<NonNullable<ReturnType<typeof readGreeting>>>();
  using _deadline = connection.failAfter(GREETING_MS);
  let came: Buffer = Buffer.alloc(0);
  connection.read({
    data(chunk) {
      came = came.length === 0 ? chunk : Buffer.concat([came, chunk]);
      const greeting = readGreeting(came);
      if (greeting !== undefined) resolve(greeting);
    },
    end: () => connection.fail(new ConnectionFailed("ECONNRESET")),
    closed: (fault) => reject(fault ?? new ConnectionFailed("ECONNRESET")),
  });
  connection.resume();
  return await promise;
}
