/** Gets the certificate that a registered host shows. Records of 0.8 do not say which it is. */

import { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { type CertificateFacts, factsOf } from "../../pki/certificate.ts";
import { dial } from "../../system/net/dial.ts";
import { agentProblem } from "./agent-problem.ts";
import type { FleetDialler } from "./fan-out.ts";
import { identityProblem } from "./peer-identity.ts";
import { dialAddress, type ResolvedTarget } from "./targets.ts";

/** @throws CtrlExecError `unreachable`, or `untrusted` if it is another host's */
export async function shownCertificate(
  dialler: FleetDialler,
  target: ResolvedTarget,
): Promise<CertificateFacts> {
  const { config, credentials } = dialler;
  const [{ credential }] = credentials;
  const timeoutMs = config.connect_timeout * 1000;
  const { port } = target;
  const host = await dialAddress(target, timeoutMs, config.file);
  let facts: CertificateFacts;
  try {
    const { connection, peer } = await dial({ host, port, credential, timeoutMs });
    connection.close();
    facts = factsOf(peer);
  } catch (thrown) {
    throw agentProblem(thrown, target, formatHostPort(host, port), config.file);
  }
  const problem = identityProblem(target, facts, "registry", dialler.revoked);
  if (problem !== undefined) throw new CtrlExecError("untrusted", problem);
  return facts;
}
