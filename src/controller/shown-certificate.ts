/** The certificate that a registered host shows. Records of 0.8 do not say which it is. */
import { CtrlExecError } from "../core/errors.ts";
import { type CertificateFacts, factsOf } from "../pki/certificate.ts";
import { connectTcp } from "../system/tcp.ts";
import type { FleetDialler } from "./fleet.ts";
import { identityProblem } from "./identity.ts";
import type { AgentRecord } from "./registry.ts";
import { dialAddress, targetOf } from "./targets.ts";

/** @throws ConnectionFailed, or CtrlExecError `untrusted` when it is of another host */
export async function shownCertificate(
  dialler: FleetDialler,
  record: AgentRecord,
): Promise<CertificateFacts> {
  const { config, credentials, controller } = dialler;
  const target = targetOf(record.hostname, { kind: "agent", record }, controller.agentPort);
  const [current] = credentials;
  const address = await dialAddress(target, config.connect_timeout * 1000);
  const connection = await connectTcp(address, target.port, config.connect_timeout * 1000);
  const tooLate = setTimeout(() => connection.close(), config.connect_timeout * 1000);
  const peer = await connection
    .secureAsClient(current.credential)
    .finally(() => clearTimeout(tooLate));
  connection.close();
  const facts = factsOf(peer);
  const problem = identityProblem(target, facts, "registry", dialler.revoked);
  if (problem !== undefined) throw new CtrlExecError("untrusted", problem);
  return facts;
}
