/** The controller's own certificate and key, checked before they are used (T09). */
import type { SecureContext } from "node:tls";
import type { ControllerConfig } from "../core/controller-config.ts";
import { CtrlExecError } from "../core/errors.ts";
import { opensslTime } from "../core/time.ts";
import { type CertificateFacts, isSignedBy, readCertificate } from "../pki/certificate.ts";
import { publicKeyBytes, readPrivateKey } from "../pki/keys.ts";
import { readPrivateText, readText, readTextIfPresent } from "../system/files.ts";
import { tlsContext } from "../system/tls.ts";

export interface ControllerCredential {
  readonly certificate: CertificateFacts;
  readonly ca: CertificateFacts;
  readonly keyPem: string;
}

/** @throws CtrlExecError `config` that names the file at fault and what to do */
export function loadCredential(config: ControllerConfig, now: Date): ControllerCredential {
  if (readTextIfPresent(config.cert) === undefined) {
    throw new CtrlExecError("config", `Cannot read ${config.cert}: no such file or folder`, {
      hint: "Set this control host up first: ctrl-exec setup-ca, then ctrl-exec setup-ctrl-exec",
    });
  }
  const ca = readCertificate(readText(config.ca), config.ca);
  const certificate = readCertificate(readText(config.cert), config.cert);
  const keyPem = readPrivateText(config.key);
  if (!publicKeyBytes(readPrivateKey(keyPem, config.key)).equals(certificate.publicKey)) {
    throw new CtrlExecError(
      "config",
      `Cannot use ${config.key}: it is not the key of ${config.cert}`,
    );
  }
  if (!isSignedBy(certificate, ca)) {
    throw new CtrlExecError("config", `Cannot use ${config.cert}: ${config.ca} did not sign it`);
  }
  if (certificate.notAfter <= now) {
    throw new CtrlExecError(
      "config",
      `Cannot use ${config.cert}: it expired on ${opensslTime(certificate.notAfter)}`,
      { hint: "Make a new one: ctrl-exec setup-ctrl-exec" },
    );
  }
  return { certificate, ca, keyPem };
}

/** For dialling agents. */
export function clientContext({ certificate, ca, keyPem }: ControllerCredential): SecureContext {
  return tlsContext({ cert: certificate.pem, key: keyPem, ca: ca.pem });
}

/** For the pairing port: the CA goes along, so that an agent can check its fingerprint first. */
export function pairingContext({ certificate, ca, keyPem }: ControllerCredential): SecureContext {
  return tlsContext({ cert: `${certificate.pem}\n${ca.pem}`, key: keyPem });
}
