/**
 * Further checks of a verified certificate at every connection, after a full handshake or a resumed one (T02).
 */
import type { X509Certificate } from "node:crypto";
import { type Serial, serialFromHex } from "../core/serial.ts";

export type CertificateCheck =
  | { readonly kind: "good"; readonly serial: Serial }
  | { readonly kind: "revoked"; readonly serial: Serial }
  | { readonly kind: "failed"; readonly reason: string };

/** A resumed session is not verified again, so the dates are checked here as well. */
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
