/** Whether a caller whose certificate this CA signed is the control host. Pure. */
import type { Serial } from "../../core/serial.ts";
import type { CertificateIdentity } from "../../pki/certificate.ts";
import { formOf } from "../../pki/whose-certificate.ts";

export interface KnownSerials {
  /** The control host has called with it, or the pairing vouched for it. */
  readonly proven: Serial | undefined;
  /** Announced since; nobody has shown its certificate yet. */
  readonly provisional: Serial | undefined;
  /** The common name under which the proven serial has called; undefined until it does. */
  readonly provenName: string | undefined;
}

export type CallerJudgement =
  /** @param proves the provisional serial has shown its certificate, and is the proven one from now on */
  | { readonly kind: "trusted"; readonly proves: boolean }
  /** @param reason for the log; undefined if the serial is simply a different one */
  | { readonly kind: "refused"; readonly reason: string | undefined };

/**
 * A certificate that names another host is an agent's, whatever serial this agent has been given (T63).
 *
 * Certificates of 0.8 have a common name and nothing else. With the proven serial any name is accepted: the pairing
 * vouched for it. With a provisional one it must be the control host's reserved name, or the name under which the
 * proven serial has called.
 */
export function judgeCaller(caller: CertificateIdentity, known: KnownSerials): CallerJudgement {
  const { serial, commonName, dnsNames } = caller;
  const { proven, provisional, provenName } = known;
  if (serial !== proven && serial !== provisional) return { kind: "refused", reason: undefined };
  const form = formOf(caller);
  if (form === "agent") {
    return { kind: "refused", reason: `the certificate is that of ${dnsNames.join(", ")}` };
  }
  if (serial === proven) return { kind: "trusted", proves: false };
  if (form === "control-host" || commonName === provenName) {
    return { kind: "trusted", proves: true };
  }
  const reason = `nothing distinguishes the certificate of ${commonName || "nobody"} from an agent's`;
  return { kind: "refused", reason };
}
