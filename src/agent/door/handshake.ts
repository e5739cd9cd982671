/** The TLS handshake: a verified certificate within the deadline, or the reason why not. */
import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { systemCode } from "../../core/errors.ts";

export type Handshake =
  | { readonly kind: "done"; readonly socket: TLSSocket; readonly peer: X509Certificate }
  | { readonly kind: "failed"; readonly reason: string }
  /** The peer left before it had sent a byte: a port check, not an attempt. */
  | { readonly kind: "left" };

/** The raw socket is closed unless the handshake is done. Never throws. */
export async function handshake(
  raw: Socket,
  context: SecureContext,
  deadlineMs: number,
): Promise<Handshake> {
  const { promise, resolve } = Promise.withResolvers<Handshake>();
  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: context,
    requestCert: true,
    rejectUnauthorized: true,
  });
  const deadline = setTimeout(() => {
    resolve({ kind: "failed", reason: "handshake timed out" });
  }, deadlineMs);
  // This listener stays: an error later in the connection's life must not end the process.
  socket.on("error", (thrown) => {
    resolve(raw.bytesRead === 0 ? { kind: "left" } : failure(systemCode(thrown)));
    raw.destroy();
  });
  socket.once("close", () => resolve({ kind: "left" }));
  socket.once("secure", () => {
    const peer = socket.getPeerX509Certificate();
    // Asked for once more, whatever the library has let through (T01).
    if (peer !== undefined && socket.authorized) resolve({ kind: "done", socket, peer });
    else resolve(failure("no verified certificate"));
  });
  const outcome = await promise;
  clearTimeout(deadline);
  if (outcome.kind !== "done") raw.destroy();
  return outcome;
}

function failure(reason: string): Handshake {
  return { kind: "failed", reason: reason === "" ? "unknown" : reason };
}
