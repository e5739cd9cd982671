/**
 * Whether a host that joins is the one that is already registered under its name: it also signs with that host's key.
 */
import { attemptValue } from "../../core/check.ts";
import { readSerialLine } from "../../core/serial.ts";
import { validityProblem } from "../../core/validity.ts";
import type { JoinProof } from "../../core/wire/messages/join.ts";
import {
  type CertificateFacts,
  isSignedBy,
  readCertificate,
  speaksFor,
} from "../../pki/certificate.ts";
import { isSignedByKey } from "../../pki/join-key.ts";
import type { HostContext } from "../store/host.ts";
import type { Registered } from "../store/ports/registry.ts";

/**
 * The certificate may have expired: a host that was off for a long time has nothing else to show. But it must be the
 * one in the registry or, if a record of 0.8 has none, a valid one.
 *
 * @param statement what the key has signed
 */
export async function isSameHost(
  { now, store }: HostContext,
  proof: Pick<JoinProof, "hostname" | "certificate" | "own_signature">,
  statement: Uint8Array,
  ca: CertificateFacts,
  registered: Registered | undefined,
): Promise<boolean> {
  const { hostname, certificate: pem, own_signature: signature } = proof;
  if (pem === undefined || signature === undefined || registered?.kind !== "agent") return false;
  const { value: certificate } = attemptValue(() => readCertificate(pem, "the host's certificate"));
  if (certificate === undefined || certificate.isCa) return false;
  if (!isSignedBy(certificate, ca) || !speaksFor(certificate, hostname)) return false;
  const serial = readSerialLine(registered.record.serial);
  const isKnown =
    serial === undefined
      ? validityProblem(certificate, now()) === undefined
      : certificate.serial === serial;
  if (!isKnown || (await store.certificates.revoked()).has(certificate.serial)) return false;
  return isSignedByKey(statement, signature, certificate.publicKey);
}
