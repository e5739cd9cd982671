/** TLS contexts and client connections: our own dial, so that the peer's certificate is seen. */
import { X509Certificate } from "node:crypto";
import { connect as connectSocket, isIP, type Socket } from "node:net";
import {
  connect as connectTls,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { systemCode } from "../core/errors.ts";

/** PROTOCOL section 2: TLS 1.2 suites; those of TLS 1.3 are fixed. */
const TLS12_SUITES = [
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
].join(":");

export interface Credential {
  /** PEM; a chain may follow the certificate. */
  readonly cert?: string;
  readonly key?: string;
  /** PEM: the only root that counts. */
  readonly ca?: string;
}

/** One context serves every connection: building one per connection costs 10 to 25 %. */
export function tlsContext(credential: Credential): SecureContext {
  return createSecureContext({ ...credential, minVersion: "TLSv1.2", ciphers: TLS12_SUITES });
}

/** A connection that failed: the library's code, or `ETIMEDOUT` and `ECONNRESET` of our own. */
export class ConnectionFailed extends Error {
  readonly code: string;

  constructor(code: string, cause?: unknown) {
    super(code, { cause });
    this.name = "ConnectionFailed";
    this.code = code;
  }
}

/** @throws ConnectionFailed; `EAI_AGAIN` when the name server did not answer within `timeoutMs` */
export async function connectTcp(host: string, port: number, timeoutMs: number): Promise<Socket> {
  const socket = connectSocket({ host, port, noDelay: true });
  let resolved = isIP(host) !== 0;
  socket.once("lookup", () => {
    resolved = true;
  });
  const timer = setTimeout(() => {
    socket.destroy(new ConnectionFailed(resolved ? "ETIMEDOUT" : "EAI_AGAIN"));
  }, timeoutMs);
  try {
    await established(socket, "connect");
    return socket;
  } finally {
    clearTimeout(timer);
  }
}

export interface SecureOptions {
  readonly context: SecureContext;
  /** False only for pairing, where the caller judges the certificate itself. */
  readonly verifyChain: boolean;
}

export interface SecureConnection {
  readonly socket: TLSSocket;
  /** The peer's certificate: its chain is verified, its name is the caller's to judge. */
  readonly peer: X509Certificate;
}

/** TLS over a connected socket. @throws ConnectionFailed */
export async function secureClient(raw: Socket, options: SecureOptions): Promise<SecureConnection> {
  // Of a socket that is closed already the TLS above it would never hear anything (T23).
  if (raw.destroyed) throw closedBecause(raw);
  let shown: Buffer | undefined;
  const socket = connectTls({
    socket: raw,
    secureContext: options.context,
    // Given on every call: NODE_TLS_REJECT_UNAUTHORIZED must change nothing (T03).
    rejectUnauthorized: options.verifyChain,
    checkServerIdentity(_, certificate) {
      shown = certificate.raw;
      return undefined;
    },
  });
  const onClose = () => socket.destroy(closedBecause(raw));
  raw.once("close", onClose);
  await established(socket, "secureConnect").finally(() => raw.off("close", onClose));
  // Asking the socket again would parse the whole chain once more: a twentieth of a fan-out. The check
  // above is left out when the chain was not verified.
  const peer = shown === undefined ? socket.getPeerX509Certificate() : new X509Certificate(shown);
  if (peer !== undefined && (socket.authorized || !options.verifyChain)) return { socket, peer };
  socket.destroy();
  throw new ConnectionFailed(
    String(socket.authorizationError ?? "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
  );
}

function closedBecause(raw: Socket): ConnectionFailed {
  return raw.errored instanceof ConnectionFailed ? raw.errored : new ConnectionFailed("ECONNRESET");
}

/** Waits for the event; an error, or a close before it, is a failed connection. */
async function established(socket: Socket | TLSSocket, event: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (thrown: unknown) =>
    reject(
      thrown instanceof ConnectionFailed
        ? thrown
        : new ConnectionFailed(systemCode(thrown), thrown),
    );
  const onClose = () => reject(new ConnectionFailed("ECONNRESET"));
  socket.once(event, resolve);
  socket.once("error", onError);
  socket.once("close", onClose);
  try {
    await promise;
  } catch (thrown) {
    socket.destroy();
    throw thrown;
  } finally {
    socket.off(event, resolve);
    socket.off("close", onClose);
    socket.off("error", onError);
    // Later errors reach whoever uses the socket; without a listener they would end the process.
    socket.on("error", () => undefined);
  }
}
