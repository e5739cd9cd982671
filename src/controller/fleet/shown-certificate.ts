/** The certificate that a registered host shows. Records of 0.8 do not say which it is. */

import { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import type { ConnectionPhase } from "../../core/wire/connection-problem.ts";
import { type CertificateFacts, factsOf } from "../../pki/certificate.ts";
import { Deadline } from "../../system/deadline.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import { connectTcp } from "../../system/net/tcp.ts";
import { agentProblem } from "./agent-problem.ts";
import type { FleetDialler } from "./fan-out.ts";
import { identityProblem } from "./peer-identity.ts";
import { dialAddress, type ResolvedTarget } from "./targets.ts";

/** @throws CtrlExecError `unreachable`, or `untrusted` when it is of another host */
export async function shownCertificate(
  dialler: FleetDialler,
  target: ResolvedTarget,
): Promise<CertificateFacts> {
  const { config, credentials } = dialler;
  const [current] = credentials;
  const address = await dialAddress(target, config.connect_timeout * 1000);
  const place = formatHostPort(address, target.port);
  let phase: ConnectionPhase = "connect";
  let facts: CertificateFacts;
  try {
    const connection = await connectTcp(address, target.port, config.connect_timeout * 1000);
    phase = "handshake";
    const tooLate = new Deadline(config.connect_timeout * 1000, () =>
      connection.fail(new ConnectionFailed("ETIMEDOUT")),
    );
    const peer = await connection.secureAsClient(current.credential).finally(() => tooLate.stop());
    connection.close();
    facts = factsOf(peer);
  } catch (thrown) {
    throw agentProblem(thrown, phase, target, place);
  }
  const problem = identityProblem(target, facts, "registry", dialler.revoked);
  if (problem !== undefined) throw new CtrlExecError("untrusted", problem);
  return facts;
}
