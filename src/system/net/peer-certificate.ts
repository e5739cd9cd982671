/** What a peer showed in the handshake: its certificate, and the one that it sends after its own. */
import type { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate } from "node:tls";
import type { Socket } from "bun";
import { ConnectionFailed, failureCode } from "./connection-failed.ts";

/**
 * The library compares the name that was dialled only after it has found the chain good. Which name the
 * certificate must have is for the caller to judge.
 */
const GOOD_CHAIN_OTHER_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";

/**
 * @param problem what the library found
 * @throws ConnectionFailed if the peer shows no certificate, or one that cannot be verified
 */
export function peerCertificate<Data>(
  socket: Socket<Data>,
  problem: Error | null,
  mayBeAnybody: boolean,
): X509Certificate {
  const peer = socket.getPeerX509Certificate() as X509Certificate | undefined;
  const code = failureCode(problem);
  const verified = socket.authorized || code === GOOD_CHAIN_OTHER_NAME;
  // Checked here as well, whatever the library lets through (T01).
  if (peer !== undefined && (verified || mayBeAnybody)) return peer;
  throw new ConnectionFailed(code || "UNABLE_TO_VERIFY_LEAF_SIGNATURE");
}

/** With the argument the library gives the chain; its published type has none. */
interface ShowsChain {
  getPeerCertificate(short: boolean): Partial<DetailedPeerCertificate>;
}

/** The DER of the certificate that it sends after its own; undefined if it sent none. */
export function issuerOf(socket: ShowsChain): Buffer | undefined {
  return socket.getPeerCertificate(false).issuerCertificate?.raw;
}
