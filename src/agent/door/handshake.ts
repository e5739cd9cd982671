/** The TLS handshake: a verified certificate within the deadline, or the reason why there is none. */
import type { X509Certificate } from "node:crypto";
import type { Connection } from "../../system/net/connection.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import type { TlsCredential } from "../../system/net/tls-credential.ts";

export type Handshake =
  | { readonly kind: "done"; readonly peer: X509Certificate }
  | { readonly kind: "failed"; readonly reason: string }
  /** The peer left before it had sent a byte: a port check, not an attempt. */
  | { readonly kind: "left" };

/** Closes the connection if the handshake fails. */
export async function handshake(
  connection: Connection,
  credential: TlsCredential,
  deadlineMs: number,
): Promise<Handshake> {
  try {
    return { kind: "done", peer: await connection.secureAsServer(credential, deadlineMs) };
  } catch (thrown) {
    if (!(thrown instanceof ConnectionFailed)) throw thrown;
    const { code } = thrown;
    if (code === "ETIMEDOUT") return { kind: "failed", reason: "handshake timed out" };
    if (!connection.heard) return { kind: "left" };
    return { kind: "failed", reason: code === "" ? "unknown" : code };
  }
}
