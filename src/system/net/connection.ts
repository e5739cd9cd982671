/**
 * One connection on Bun's own sockets: TCP first, then TLS over it. The streams of node:net and node:tls take a
 * third more time for each connection, and a program that loads them starts later and larger.
 *
 * Nothing is read from a connection before its handshake, so that a peer can be refused, or made to wait,
 * before any TLS; except at a hub, where peers say first what they have come for, and whose splices have no TLS here.
 */
import type { X509Certificate } from "node:crypto";
import type { Socket, SocketHandler, TLSOptions, TLSUpgradeOptions } from "bun";
import { Deadline } from "../deadline.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import type { ConnectionReader } from "./connection-reader.ts";
import { handshakePace } from "./handshake-pace.ts";
import { peerAddress } from "./peer-address.ts";
import { issuerOf, peerCertificate } from "./peer-certificate.ts";
import { TLS12_SUITES, type TlsCredential } from "./tls-credential.ts";
import { Unread } from "./unread.ts";
import { Unsent } from "./unsent.ts";

/** The fault is undefined after an orderly end. */
type CloseListener = (fault: ConnectionFailed | undefined) => void;

/** Bun's own node:tls passes `isServer`; the published types do not have it. */
type Upgrade = TLSUpgradeOptions<Connection> & { readonly isServer: boolean };

type BunSocket = Socket<Connection>;

/** Bytes that are read after our last message, so that it arrives. */
const MAX_DROPPED = 64 * 2 ** 20;

export class Connection {
  #socket: BunSocket;
  #heard = false;
  #closed = false;
  #fault: ConnectionFailed | undefined;
  #handshake: PromiseWithResolvers<X509Certificate> | undefined;
  #mayBeAnybody = false;
  /** Its TLS has begun: what the TCP below it still reports is ciphertext. */
  #secured = false;
  #paused = false;
  readonly #unread = new Unread();
  readonly #unsent = new Unsent();
  readonly #closeListeners = new Set<CloseListener>();

  /** @param socket just opened */
  constructor(socket: BunSocket) {
    this.#socket = socket;
    socket.data = this;
    socket.setNoDelay(true);
    this.pause();
  }

  /** The peer's address, with its zone; empty if it has already left. */
  get address(): string {
    return peerAddress(this.#socket);
  }

  /** Whether both ends are on this host: no other host can complete a handshake from its address. */
  get isLocal(): boolean {
    const { localAddress, remoteAddress } = this.#socket;
    return Boolean(remoteAddress) && remoteAddress === localAddress;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Whether the peer of an accepted connection has sent anything at all. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Calls the listener when the connection is closed, immediately if it is already. */
  onClose(listener: CloseListener): void {
    if (this.#closed) listener(this.#fault);
    else this.#closeListeners.add(listener);
  }

  offClose(listener: CloseListener): void {
    this.#closeListeners.delete(listener);
  }

  /**
   * The handshake of a server: the peer must show a certificate of the CA.
   * @param deadlineMs after which it fails with `ETIMEDOUT`
   * @returns the peer's certificate, whose chain is verified
   * @throws ConnectionFailed; the connection is closed
   */
  async secureAsServer(credential: TlsCredential, deadlineMs: number): Promise<X509Certificate> {
    const options = { ...credential, requestCert: true, rejectUnauthorized: true };
    return await this.#secure(options, true, deadlineMs);
  }

  /**
   * The handshake of a client.
   * @param deadlineMs after which it fails with `ETIMEDOUT`
   * @param mayBeAnybody true only for pairing, where the caller judges the certificate itself
   * @returns the peer's certificate: its chain is verified, but the caller must judge its name
   * @throws ConnectionFailed; the connection is closed
   */
  async secureAsClient(
    credential: TlsCredential,
    deadlineMs: number,
    mayBeAnybody = false,
  ): Promise<X509Certificate> {
    this.#mayBeAnybody = mayBeAnybody;
    await handshakePace.turn("client");
    // We judge below: with true, the library closes the connection if the name differs from the one dialled.
    return await this.#secure({ ...credential, rejectUnauthorized: false }, false, deadlineMs);
  }

  /** DER of the certificate that the peer sent after its own; undefined if it sent none. */
  issuerShown(): Buffer | undefined {
    return issuerOf(this.#socket);
  }

  /** Whether something that was written is not taken by the system yet. */
  get isBehind(): boolean {
    return !this.#unsent.isEmpty;
  }

  /**
   * From now on, data goes to this reader, beginning with what arrived before. Before the handshake that is what
   * arrives in the clear, if the handlers are `accepted`; the handshake ends it.
   */
  read(reader: ConnectionReader): void {
    const closed = this.#closed;
    this.#unread.goTo(reader);
    if (closed) reader.closed(this.#fault);
  }

  /** Stops reading until `resume`: a peer that goes on sending has to wait. */
  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }

  /** Resolves when the system has taken the data, or the connection is closed; never rejects. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.#closed) return;
    const piece = typeof data === "string" ? Buffer.from(data) : data;
    if (this.#unsent.add(piece)) this.#send();
    if (this.isBehind) await this.#unsent.taken();
  }

  /** Ends our side once everything written is sent; the peer may still send. */
  async end(): Promise<void> {
    if (this.#closed) return;
    if (this.isBehind) await this.#unsent.taken();
    if (!this.#closed) this.#socket.shutdown();
  }

  /**
   * Ends our side, drops what still arrives, up to `MAX_DROPPED`, and closes when the peer has ended too. If it
   * closed at once, with bytes unread, what was written could be lost. The caller must set a limit for a peer
   * that never ends.
   */
  async hangUp(): Promise<void> {
    await this.end();
    let left = MAX_DROPPED;
    const data = (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) this.close();
    };
    this.read({ data, end: () => this.close(), closed: () => undefined });
    if (!this.#closed) this.resume();
  }

  /** Closes at once. */
  close(): void {
    if (!this.#closed) this.#socket.close();
    // The socket itself would wait for a peer that does not take what was written.
    this.#finish(undefined);
  }

  /** Closes at once, with a reset: the socket's close event comes before this returns. */
  reset(): void {
    if (!this.#closed) this.#socket.terminate();
  }

  /** Closes at once, and reports the fault to whatever waits for the connection. */
  fail(fault: ConnectionFailed): void {
    this.#fault ??= fault;
    this.close();
  }

  /** Fails the connection with `ETIMEDOUT` after `ms`, unless the deadline is stopped before. */
  failAfter(ms: number): Deadline {
    return new Deadline(ms, () => this.fail(new ConnectionFailed("ETIMEDOUT")));
  }

  async #secure(
    options: TLSOptions,
    isServer: boolean,
    deadlineMs: number,
  ): Promise<X509Certificate> {
    if (this.#closed) throw this.#fault ?? new ConnectionFailed("ECONNRESET");
    const handshake = Promise.withResolvers<X509Certificate>();
    this.#handshake = handshake;
    const upgrade: Upgrade = {
      tls: { ...options, ciphers: TLS12_SUITES },
      isServer,
      data: this,
      socket: Connection.#secureHandlers,
    };
    this.#secured = true;
    this.#unread.wait();
    try {
      this.resume();
      [, this.#socket] = this.#socket.upgradeTLS(upgrade);
    } catch (cause) {
      this.fail(new ConnectionFailed("ECONNRESET", cause));
    }
    using _deadline = this.failAfter(deadlineMs);
    return await handshake.promise;
  }

  #handshakeDone(socket: BunSocket, problem: Error | null): void {
    try {
      this.#handshake?.resolve(peerCertificate(socket, problem, this.#mayBeAnybody));
    } catch (thrown) {
      this.fail(ConnectionFailed.from(thrown));
    }
  }

  #send(): void {
    const isGone = !this.#unsent.sendTo(this.#socket);
    // Its close event follows, unless nothing reads from it.
    if (isGone && this.#paused) this.fail(new ConnectionFailed("ECONNRESET"));
  }

  #finish(fault: ConnectionFailed | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#fault ??= fault;
    this.#unsent.drop();
    this.#handshake?.reject(this.#fault ?? new ConnectionFailed("ECONNRESET"));
    this.#unread.closed(this.#fault);
    for (const listener of this.#closeListeners) listener(this.#fault);
  }

  static readonly #ending: SocketHandler<Connection> = {
    error({ data: connection }, thrown) {
      connection.#fault ??= ConnectionFailed.from(thrown);
    },
    close({ data: connection }, thrown) {
      connection.#finish(thrown === undefined ? undefined : ConnectionFailed.from(thrown));
    },
  };

  /** For a connection that was dialled: before its handshake, and afterwards for the TCP below it. */
  static readonly dialled: SocketHandler<Connection> = {
    ...Connection.#ending,
    // A `data` handler would get a copy of all encrypted bytes; Bun requires one of the two.
    drain: () => undefined,
  };

  /** The same for one that was accepted, or that is read in the clear. */
  static readonly accepted: SocketHandler<Connection> = {
    ...Connection.#ending,
    data({ data: connection }, chunk) {
      connection.#heard = true;
      if (!connection.#secured) connection.#unread.take(chunk);
    },
    drain({ data: connection }) {
      if (!connection.#secured) connection.#send();
    },
    end({ data: connection }) {
      if (!connection.#secured) connection.#unread.end();
    },
  };

  static readonly #secureHandlers: SocketHandler<Connection> = {
    ...Connection.#ending,
    handshake(socket, _, problem) {
      socket.data.#handshakeDone(socket, problem);
    },
    data({ data: connection }, chunk) {
      connection.#unread.take(chunk);
    },
    drain({ data: connection }) {
      connection.#send();
    },
    end({ data: connection }) {
      connection.#unread.end();
    },
  };
}
