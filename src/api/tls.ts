/** The API's own certificate: TLS if both files exist (docs/API.md, "Start"). */
import { existsSync } from "node:fs";
import type { SecureContext } from "node:tls";
import type { Controller } from "../controller/control-host.ts";
import { CtrlExecError, messageOf } from "../core/errors.ts";
import { certificatesAlone, readCertificate } from "../pki/certificate.ts";
import { fitsKey, privateKeyAlone } from "../pki/keys.ts";
import { readPrivateText, readText } from "../system/files/files.ts";
import { tlsContext } from "../system/net/tls.ts";

/**
 * Undefined means plain HTTP.
 *
 * @throws CtrlExecError `config` if only one of the two exists, or they do not match
 */
export function loadApiTls({ config, log }: Controller): SecureContext | undefined {
  const { api_cert: cert, api_key: key } = config;
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new CtrlExecError(
      "config",
      `Cannot use ${config.file}: ${cert === undefined ? "api_key" : "api_cert"} is set and ${cert === undefined ? "api_cert" : "api_key"} is not`,
      { hint: "Set both for TLS, or neither for plain HTTP." },
    );
  }
  const missing = [cert, key].filter((file) => !existsSync(file));
  if (missing.length === 2) {
    const msg = `neither ${cert} nor ${key} is there: plain HTTP`;
    log({ event: "config-warn", key: "api_cert", msg });
    return undefined;
  }
  const [absent] = missing;
  if (absent !== undefined) {
    throw new CtrlExecError("config", `Cannot read ${absent}: no such file or folder`, {
      hint: "TLS needs both api_cert and api_key.",
    });
  }
  const certPem = certificatesAlone(readText(cert), cert);
  const keyPem = privateKeyAlone(readPrivateText(key), key);
  if (!fitsKey(readCertificate(certPem, cert), keyPem, key)) {
    throw new CtrlExecError("config", `Cannot use ${key}: it is not the key of ${cert}`);
  }
  try {
    return tlsContext({ cert: certPem, key: keyPem });
  } catch (cause) {
    throw new CtrlExecError("config", `Cannot use ${cert}: ${messageOf(cause)}`, { cause });
  }
}
