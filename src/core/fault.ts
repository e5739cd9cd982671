/** Why an agent could not be asked, in one word of a closed set: for the log and for metrics. */
import { refusesCertificate } from "./wire/connection-problem.ts";

export const FAULTS = [
  /** Nothing listens there. */
  "refused",
  /** The host says nothing. */
  "timeout",
  /** Its name cannot be resolved. */
  "name",
  /** There is no way to the host. */
  "no-route",
  /** It closed the connection. */
  "closed",
  /** What listens there does not speak TLS as an agent does. */
  "tls",
  /** One side does not accept the other's certificate. */
  "certificate",
  /** It shows another host's certificate. */
  "identity",
  /** It knows this control host by another serial. */
  "serial",
  /** Its answer did not come in time. */
  "late",
  /** Its answer cannot be read, or is too long. */
  "answer",
  /** This host itself cannot call it: it lacks something, or its configuration forbids it. */
  "local",
] as const;

export type Fault = (typeof FAULTS)[number];

const OF_CODES: readonly (readonly [RegExp, Fault])[] = [
  [/^ECONNREFUSED$/, "refused"],
  [/^ETIMEDOUT$/, "timeout"],
  [/^(ENOTFOUND|EAI_.*|ENODATA)$/, "name"],
  [/^(EHOST(UNREACH|DOWN)|ENET(UNREACH|DOWN))$/, "no-route"],
  [/^(ECONNRESET|EPIPE|ERR_STREAM_PREMATURE_CLOSE|)$/, "closed"],
  [/^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/, "certificate"],
  [/SSL|TLS/, "tls"],
];

/** @param code of the system, the TLS library, or our own */
export function faultOfCode(code: string): Fault {
  if (refusesCertificate(code)) return "certificate";
  return OF_CODES.find(([pattern]) => pattern.test(code))?.[1] ?? "local";
}
