/** The TLS handshake: a verified certificate within the deadline, or the reason why there is none. */
import type { X509Certificate } from "node:crypto";
import { Deadline } from "../../system/deadline.ts";
import type { Connection } from "../../system/net/connection.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import type { TlsCredential } from "../../system/net/tls-credential.ts";

export type Handshake =
  | { readonly kind: "done"; readonly peer: X509Certificate }
  | { readonly kind: "failed"; readonly reason: string }
  /** The peer left before it had sent a byte: a port check, not an attempt. */
  | { readonly kind: "left" };

const TOO_LATE = "handshake timed out";

/** Closes the connection if the handshake fails. */
export async function handshake(
  connection: Connection,
  credential: TlsCredential,
  deadlineMs: number,
): Promise<Handshake> {
  const deadline = new Deadline(deadlineMs, () => connection.fail(new ConnectionFailed(TOO_LATE)));
  try {
    return { kind: "done", peer: await connection.secureAsServer(credential) };
  } catch (thrown) {
    if (!(thrown instanceof ConnectionFailed)) throw thrown;
    const { code } = thrown;
    if (!connection.heard && code !== TOO_LATE) return { kind: "left" };
    return { kind: "failed", reason: code === "" ? "unknown" : code };
  } finally {
    deadline.stop();
  }
}
