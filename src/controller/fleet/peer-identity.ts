/** Whether a host may be called, and whether the host that answered is the one that was called (T05). */
import { type ControllerConfig, configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { Serial } from "../../core/serial.ts";
import { type CertificateIdentity, speaksFor } from "../../pki/certificate.ts";
import { nearHint } from "./target-hints.ts";
import type { ResolvedTarget } from "./targets.ts";

/** The serials of revoked certificates. */
export type Revoked = Pick<ReadonlySet<Serial>, "has">;

type Policy = ControllerConfig["verify_agent_identity"];

/**
 * Why the host must not be called, before any packet is sent: what an unregistered port answers, or whether it
 * answers, is not for the caller to find out (T67).
 */
export function dialProblem(
  { label, record, problem, near }: ResolvedTarget,
  { file, verify_agent_identity: policy }: Pick<ControllerConfig, "file" | "verify_agent_identity">,
): CtrlExecError | undefined {
  if (problem !== undefined) return problem;
  if (policy !== "strict" || record !== undefined) return undefined;
  return new CtrlExecError(
    "untrusted",
    `Cannot call ${label}: it is not registered, and verify_agent_identity = strict`,
    { hint: nearHint(near) ?? `See: ctrl-exec list-agents${configArgument(file)}` },
  );
}

/**
 * What is wrong with the peer, or undefined. The chain has already been verified.
 * @param revoked this controller's own list: a certificate on it is never accepted, whatever the policy
 */
export function identityProblem(
  target: ResolvedTarget,
  peer: CertificateIdentity,
  policy: Policy,
  revoked: Revoked,
): string | undefined {
  if (revoked.has(peer.serial)) {
    return `${target.label} answered with the revoked certificate of ${peer.commonName || "nobody"}: refused`;
  }
  if (policy === "ca" || target.record === undefined) return undefined;
  if (speaksFor(peer, target.record.hostname)) return undefined;
  return `${target.label} answered with the certificate of ${peer.commonName || "nobody"}: refused`;
}
