/** What an agent holds about trust: its own credential, the CA, the controller's serial, revocations. */
import type { SecureContext } from "node:tls";
import type { AgentConfig } from "../core/agent-config.ts";
import type { ConfigWarning } from "../core/config-file.ts";
import { CtrlExecError } from "../core/errors.ts";
import { parseRevocations, type Serial } from "../core/serial.ts";
import type { CertificateFacts } from "../pki/certificate.ts";
import { readTextIfPresent } from "../system/files.ts";
import { tlsContext } from "../system/tls.ts";
import { ControllerSerials } from "./controller-serials.ts";
import { loadIdentity } from "./identity-files.ts";

export interface AgentTrust {
  readonly context: SecureContext;
  readonly certificate: CertificateFacts;
  readonly ca: CertificateFacts;
  /** The private key's text. */
  readonly keyPem: string;
  /** Who may call, besides having the CA's word for it. */
  readonly controller: ControllerSerials;
  readonly revoked: ReadonlySet<Serial>;
  /** False when there is no revocation file. */
  readonly revocationFilePresent: boolean;
  readonly warnings: readonly ConfigWarning[];
}

/** @throws CtrlExecError `config` that names the file at fault (T09) */
export function loadTrust(config: AgentConfig): AgentTrust {
  requirePaired(config);
  const { certificate, ca, keyPem } = loadIdentity(config);
  const revocationText = readTextIfPresent(config.revoked_serials);
  const { serials: revoked, badLines } = parseRevocations(revocationText ?? "");
  return {
    context: tlsContext({ cert: certificate.pem, key: keyPem, ca: ca.pem }),
    certificate,
    ca,
    keyPem,
    controller: new ControllerSerials(config.dispatcher_serial_path),
    revoked,
    revocationFilePresent: revocationText !== undefined,
    warnings: badLines.map((line) => ({
      key: "revoked_serials",
      message: `${config.revoked_serials}: line ${line} is not a serial`,
    })),
  };
}

/** Whether the serial is the controller's: the stored one, or during a rotation the one before it. */
export function isTrustedController(trust: AgentTrust, serial: Serial): boolean {
  return trust.controller.trusts(serial);
}

function requirePaired(config: AgentConfig): void {
  if (readTextIfPresent(config.cert) !== undefined) return;
  throw new CtrlExecError("config", `Cannot read ${config.cert}: this agent is not paired`, {
    hint: "Pair it: ctrl-exec-agent request-pairing --dispatcher <controller>",
  });
}
