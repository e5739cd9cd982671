/** Dials a peer, TCP and then TLS, and explains a failure. Everything that dials does it here. */
import type { X509Certificate } from "node:crypto";
import { CtrlExecError } from "../../core/errors.ts";
import { type ConnectionPhase, connectionProblem } from "../../core/wire/connection-problem.ts";
import type { Connection } from "./connection.ts";
import { ConnectionFailed } from "./connection-failed.ts";
import { connectTcp } from "./tcp.ts";
import type { TlsCredential } from "./tls-credential.ts";

export interface DialOptions {
  /** A name, or an address, which may have a zone. */
  readonly host: string;
  readonly port: number;
  readonly credential: TlsCredential;
  /** For TCP, and as much again for the handshake. */
  readonly timeoutMs: number;
  /** True only for pairing, where the caller judges the certificate itself. */
  readonly mayBeAnybody?: boolean;
  /** Gives the connection in place of TCP to host and port. */
  open?(): Promise<Connection>;
  /** Called after TCP connects; the handshake waits for it. */
  onConnected?(connection: Connection): void | Promise<void>;
}

export interface Dialled {
  readonly connection: Connection;
  /** Its chain is verified, unless `mayBeAnybody`; the caller must judge its name. */
  readonly peer: X509Certificate;
}

/** @throws ConnectionFailed, which `unreachable` explains */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { host, port, credential, timeoutMs, mayBeAnybody, open, onConnected } = options;
  let phase: ConnectionPhase = "connect";
  try {
    const connection = await (open?.() ?? connectTcp(host, port, timeoutMs));
    await onConnected?.(connection);
    phase = "handshake";
    const peer = await connection.secureAsClient(credential, timeoutMs, mayBeAnybody);
    return { connection, peer };
  } catch (thrown) {
    throw thrown instanceof ConnectionFailed ? new DialFailed(phase, thrown) : thrown;
  }
}

class DialFailed extends ConnectionFailed {
  readonly phase: ConnectionPhase;

  constructor(phase: ConnectionPhase, { code, cause }: ConnectionFailed) {
    super(code, cause);
    this.phase = phase;
  }
}

export interface Unreachable {
  /** What listens there. */
  readonly listener: "agent" | "controller";
  /** `host:port` as it was dialled. */
  readonly address: string;
  /** What cannot be done, before the reason: "Cannot pair". */
  readonly attempt?: string;
  /** A better next step for a code than the general one; undefined for the general one. */
  hintFor?(code: string): string | undefined;
}

/**
 * @param thrown by `dial`, or by a connection that it returned
 * @returns the CtrlExecError `unreachable` to throw instead; anything but a ConnectionFailed unchanged
 */
export function unreachable(
  thrown: unknown,
  { listener, address, attempt, hintFor }: Unreachable,
): unknown {
  if (!(thrown instanceof ConnectionFailed)) return thrown;
  const phase = thrown instanceof DialFailed ? thrown.phase : "request";
  const { message, hint } = connectionProblem(phase, thrown.code, listener, address);
  return new CtrlExecError(
    "unreachable",
    attempt === undefined ? message : `${attempt}: ${message}`,
    { cause: thrown, hint: hintFor?.(thrown.code) ?? hint },
  );
}
