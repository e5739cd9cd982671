/** What an agent holds about trust: its own credential, the CA, the controller's serial, revocations. */
import { createPublicKey } from "node:crypto";
import type { SecureContext } from "node:tls";
import type { AgentConfig } from "../core/agent-config.ts";
import type { ConfigWarning } from "../core/config-file.ts";
import { CtrlExecError } from "../core/errors.ts";
import { readSerialLine, readSerials, type Serial } from "../core/serial.ts";
import { type CertificateFacts, isSignedBy, readCertificate } from "../pki/certificate.ts";
import { readPrivateKey } from "../pki/keys.ts";
import { readPrivateText, readText, readTextIfPresent } from "../system/files.ts";
import { tlsContext } from "../system/tls.ts";

export interface AgentTrust {
  readonly context: SecureContext;
  readonly certificate: CertificateFacts;
  /** The controller's serial; undefined when the file is missing or unreadable: nobody is trusted. */
  readonly controllerSerial: Serial | undefined;
  readonly revoked: ReadonlySet<Serial>;
  /** False when there is no revocation file. */
  readonly revocationFilePresent: boolean;
  readonly warnings: readonly ConfigWarning[];
}

/** @throws CtrlExecError `config` that names the file at fault (T09) */
export function loadTrust(config: AgentConfig): AgentTrust {
  requirePaired(config);
  const ca = readCertificate(readText(config.ca), config.ca);
  const certificate = readCertificate(readText(config.cert), config.cert);
  const keyPem = readPrivateText(config.key);
  const key = readPrivateKey(keyPem, config.key);
  const keyBytes = createPublicKey(key).export({ type: "spki", format: "der" });
  if (!keyBytes.equals(certificate.publicKey)) {
    throw new CtrlExecError(
      "config",
      `Cannot use ${config.key}: it is not the key of ${config.cert}`,
    );
  }
  if (!isSignedBy(certificate, ca)) {
    throw new CtrlExecError("config", `Cannot use ${config.cert}: ${config.ca} did not sign it`);
  }
  const { revoked, warnings, present } = loadRevocations(config.revoked_serials);
  const serialText = readTextIfPresent(config.dispatcher_serial_path);
  return {
    context: tlsContext({ cert: certificate.pem, key: keyPem, ca: ca.pem }),
    certificate,
    controllerSerial: serialText === undefined ? undefined : readSerialLine(serialText),
    revoked,
    revocationFilePresent: present,
    warnings,
  };
}

function requirePaired(config: AgentConfig): void {
  if (readTextIfPresent(config.cert) !== undefined) return;
  throw new CtrlExecError("config", `Cannot read ${config.cert}: this agent is not paired`, {
    hint: "Pair it: ctrl-exec-agent request-pairing --dispatcher <controller>",
  });
}

interface Revocations {
  readonly revoked: Set<Serial>;
  readonly warnings: ConfigWarning[];
  readonly present: boolean;
}

/** One serial a line; a line that is none is reported and revokes nothing. */
function loadRevocations(path: string): Revocations {
  const text = readTextIfPresent(path);
  const revoked = new Set<Serial>();
  const warnings: ConfigWarning[] = [];
  for (const [index, rawLine] of (text ?? "").split(/\r?\n/).entries()) {
    const line = rawLine.trim();
    if (line === "" || line.startsWith("#")) continue;
    const readings = readSerials(line);
    for (const serial of readings) revoked.add(serial);
    if (readings.length === 0) {
      warnings.push({
        key: "revoked_serials",
        message: `${path}: line ${index + 1} is not a serial`,
      });
    }
  }
  return { revoked, warnings, present: text !== undefined };
}
