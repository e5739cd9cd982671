/** Whether a hub is the one that agent.conf means (T43). */
import type { X509Certificate } from "node:crypto";
import type { HubAddress } from "../../core/net/hub-address.ts";
import { identityOf } from "../../pki/certificate.ts";
import { checkCertificate } from "../../pki/certificate-check.ts";
import { otherThanPinned } from "../../pki/pin.ts";
import type { AgentTrust } from "../trust/trust.ts";

/**
 * Without a pin it is a control host's: it must show the certificate with which that control host calls, so that no
 * further name is trusted. With a pin it is anybody's, and shows that certificate and no other.
 *
 * @returns what is wrong with it; undefined if nothing is
 */
export function hubProblem(
  { pin }: HubAddress,
  peer: X509Certificate,
  { controller, revoked }: AgentTrust,
  now: Date,
): string | undefined {
  if (pin !== undefined) {
    const other = otherThanPinned(peer, pin);
    return other && `it shows another certificate than the pinned one: ${other}`;
  }
  const check = checkCertificate(peer, revoked, now);
  if (check.kind === "revoked") return `it shows the revoked certificate ${check.serial}`;
  if (check.kind === "failed") return check.reason;
  const identity = identityOf(peer);
  if (controller.judge(identity).kind === "trusted") return undefined;
  return `it shows the certificate ${identity.serial}, which is not this agent's control host's`;
}
