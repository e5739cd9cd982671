/** Whether the host that answered is the host that was called (T05). */
import type { ControllerConfig } from "../core/controller-config.ts";
import type { Serial } from "../core/serial.ts";
import { type CertificateIdentity, speaksFor } from "../pki/certificate.ts";
import type { ResolvedTarget } from "./targets.ts";

/**
 * What is wrong with the peer, or undefined. The chain has been verified already.
 * @param revoked this controller's own list: a host on it answers for nobody, whatever the policy
 */
export function identityProblem(
  target: ResolvedTarget,
  peer: CertificateIdentity,
  policy: ControllerConfig["verify_agent_identity"],
  revoked: ReadonlySet<Serial>,
): string | undefined {
  if (revoked.has(peer.serial)) {
    return `${target.name} answered with the revoked certificate of ${peer.commonName || "nobody"}: refused`;
  }
  if (policy === "ca") return undefined;
  if (target.record === undefined) {
    if (policy !== "strict") return undefined;
    return `${target.name} is not registered, and verify_agent_identity = strict`;
  }
  if (speaksFor(peer, target.record.hostname)) return undefined;
  return `${target.name} answered with the certificate of ${peer.commonName || "nobody"}: refused`;
}
