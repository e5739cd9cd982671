/** What a verified certificate must also pass at every connection, full handshake or resumed (T02). */
import type { X509Certificate } from "node:crypto";
import { type Serial, serialFromHex } from "../../core/serial.ts";

export type CertificateCheck =
  | { readonly kind: "good"; readonly serial: Serial }
  | { readonly kind: "revoked"; readonly serial: Serial }
  | { readonly kind: "failed"; readonly reason: string };

/** A resumed session is not verified again, so the dates are looked at here as well. */
export function checkCertificate(
  peer: X509Certificate,
  revoked: { has(serial: Serial): boolean },
  now: Date,
): CertificateCheck {
  const serial = serialFromHex(peer.serialNumber);
  if (revoked.has(serial)) return { kind: "revoked", serial };
  if (new Date(peer.validTo) < now) return { kind: "failed", reason: "CERT_HAS_EXPIRED" };
  if (new Date(peer.validFrom) > now) return { kind: "failed", reason: "CERT_NOT_YET_VALID" };
  return { kind: "good", serial };
}
