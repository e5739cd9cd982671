/** The certificate of this host's own CA. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { type CertificateFacts, readCertificate } from "../../pki/certificate.ts";
import { readText } from "../../system/files/files.ts";
import { paths } from "../store/paths.ts";

/** As it is stored at this moment. @throws CtrlExecError `config` */
export function caCertificate(config: ControllerConfig): CertificateFacts {
  const { caCert } = paths(config);
  return readCertificate(readText(caCert), caCert);
}
