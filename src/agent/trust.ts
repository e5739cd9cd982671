/** What an agent holds about trust: its own credential, the CA, the controller's serial, revocations. */
import type { AgentConfig } from "../core/agent-config.ts";
import { CtrlExecError } from "../core/errors.ts";
import type { CertificateFacts } from "../pki/certificate.ts";
import type { TlsCredential } from "../system/tls-credential.ts";
import { ControllerSerials } from "./controller-serials.ts";
import { isPaired, loadIdentity } from "./identity-files.ts";
import { RevokedSerials } from "./revoked-serials.ts";

export interface AgentTrust {
  /** The three below as the TLS library takes them. */
  readonly credential: TlsCredential;
  readonly certificate: CertificateFacts;
  readonly ca: CertificateFacts;
  /** The private key's text. */
  readonly keyPem: string;
  /** Who may call, besides having the CA's word for it. */
  readonly controller: ControllerSerials;
  readonly revoked: RevokedSerials;
}

/** @throws CtrlExecError `config` that names the file at fault (T09) */
export function loadTrust(config: AgentConfig): AgentTrust {
  requirePaired(config);
  const { certificate, ca, keyPem } = loadIdentity(config);
  const controller = new ControllerSerials(config.dispatcher_serial_path);
  if (controller.problem !== undefined) {
    throw new CtrlExecError("config", controller.problem, {
      hint: "Pair this agent again: ctrl-exec-agent request-pairing",
    });
  }
  return {
    credential: { cert: certificate.pem, key: keyPem, ca: ca.pem },
    certificate,
    ca,
    keyPem,
    controller,
    revoked: new RevokedSerials(config.revoked_serials),
  };
}

function requirePaired(config: AgentConfig): void {
  if (isPaired(config)) return;
  throw new CtrlExecError("config", `Cannot read ${config.cert}: this agent is not paired`, {
    hint: "Pair it: ctrl-exec-agent request-pairing --dispatcher <controller>",
  });
}
