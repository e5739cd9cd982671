/**
 * Whether a certificate that the CA signed is the control host's or an agent's. The CA signs both, with the
 * same key usages, so only the name tells. No agent is paired as CONTROLLER_NAME (T07, T63).
 */
import { CONTROLLER_NAME, sameHostName } from "../core/net/host-name.ts";
import type { CertificateIdentity } from "./certificate.ts";

/**
 * - `control-host`: one of its names, or in a certificate of 0.8 its common name, is CONTROLLER_NAME
 * - `agent`: it names another host
 * - `unmarked`: a certificate of 0.8, which has a common name only, and another one than that. An agent's
 *   looks the same as a control host's that was named by hand.
 */
export type CertificateForm = "control-host" | "agent" | "unmarked";

export function formOf({ dnsNames, commonName }: CertificateIdentity): CertificateForm {
  if (dnsNames.length === 0) {
    return sameHostName(commonName, CONTROLLER_NAME) ? "control-host" : "unmarked";
  }
  return dnsNames.some((name) => sameHostName(name, CONTROLLER_NAME)) ? "control-host" : "agent";
}
