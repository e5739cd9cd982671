/** A certificate that is known by its fingerprint, as a hub's is that has a pin (T43). */
import type { X509Certificate } from "node:crypto";
import { factsOf } from "./certificate.ts";

/** @returns the fingerprint of the certificate that is shown; undefined if it is the pinned one */
export function otherThanPinned(shown: X509Certificate, pin: string): string | undefined {
  const { fingerprint } = factsOf(shown);
  return fingerprint === pin ? undefined : fingerprint;
}
