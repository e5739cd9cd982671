/** Why a connection failed, in words that a person can act on, from a library's error code. */
import { type ConnectionProblem, networkProblem } from "./network-problem.ts";

/** How far the connection had got. */
export type ConnectionPhase = "connect" | "handshake" | "request";

/** Codes with which an established connection can still fail; other network codes then mean something else. */
const ON_THE_WAY = ["EHOSTUNREACH", "ENETUNREACH", "ENETDOWN", "EPERM", "ETIMEDOUT"];

/** Whether the peer's TLS refused our certificate: it has read nothing that was sent to it. */
export function refusesCertificate(code: string): boolean {
  return OTHER_CA.test(code) || NOT_VALID.test(code);
}

/**
 * @param listener what listens there
 * @param address `host:port` as it was dialled
 */
export function connectionProblem(
  phase: ConnectionPhase,
  code: string,
  listener: "agent" | "controller",
  address: string,
): ConnectionProblem {
  const peer = listener === "controller" ? "control host" : listener;
  if (code === "ETIMEDOUT" && phase === "handshake") {
    return {
      message: `the ${peer} at ${address} accepts the connection and then says nothing`,
      hint: `Check that the port belongs to the ${peer}, and the host's load.`,
    };
  }
  const mayBeNetwork = phase === "connect" || ON_THE_WAY.includes(code);
  const network = mayBeNetwork ? networkProblem(code, peer, address) : undefined;
  if (network !== undefined) return network;
  const trust = TRUST.find(([pattern]) => pattern.test(code));
  if (trust !== undefined) return trust[1](peer, address);
  if (
    code === "ECONNRESET" ||
    code === "EPIPE" ||
    code === "ERR_STREAM_PREMATURE_CLOSE" ||
    code === ""
  ) {
    return closed(phase, peer, address);
  }
  if (/SSL|TLS/.test(code)) {
    return {
      message: `${address} does not speak TLS as the ${peer} does (${code})`,
      hint: `Check that the port belongs to the ${peer}.`,
    };
  }
  return {
    message: `connection to ${address} failed (${code})`,
    hint: `Try another program from this host: openssl s_client -connect ${address}`,
  };
}

type Explain = (peer: string, address: string) => ConnectionProblem;

/** The peer's alerts about our certificate. */
const OTHER_CA =
  /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_REQUIRED|CERTIFICATE_UNKNOWN|UNSUPPORTED_CERTIFICATE|DECRYPT_ERROR|ACCESS_DENIED)/;
const NOT_VALID = /ALERT_CERTIFICATE_(EXPIRED|REVOKED)/;

const TRUST: readonly (readonly [RegExp, Explain])[] = [
  [
    /^(UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?|UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_SIGNATURE_FAILURE)$/,
    (peer, address) => ({
      message: `the ${peer} at ${address} shows a certificate that is not of this CA`,
      hint: `It was paired with another control host, or something else listens there.`,
    }),
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    (peer, address) => ({
      message: `the certificate of the ${peer} at ${address} has expired`,
      hint: "Pair it again, and check the clocks of both hosts.",
    }),
  ],
  [
    /^CERT_NOT_YET_VALID$/,
    (peer, address) => ({
      message: `the certificate of the ${peer} at ${address} is not valid yet`,
      hint: "Check the clocks of both hosts.",
    }),
  ],
  [
    OTHER_CA,
    (peer, address) => ({
      message: `the ${peer} at ${address} refuses this host's certificate: it is not of the CA it was paired with`,
      hint: "Pair that host with this control host.",
    }),
  ],
  [
    NOT_VALID,
    (peer, address) => ({
      message: `the ${peer} at ${address} refuses this host's certificate: expired or revoked`,
      hint: "Check the certificate's dates and the clocks of both hosts.",
    }),
  ],
  [
    /WRONG_VERSION_NUMBER|HTTP_REQUEST|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG/,
    (peer, address) => ({
      message: `something at ${address} that is not ${article(peer)} ${peer} answers without TLS`,
      hint: `Check the port.`,
    }),
  ],
];

function article(peer: string): string {
  return peer === "agent" ? "an" : "a";
}

function closed(phase: ConnectionPhase, peer: string, address: string): ConnectionProblem {
  if (phase === "request") {
    return {
      message: `the ${peer} at ${address} closed the connection before it answered`,
      hint: "The request may have been carried out all the same. Look in its log for ACTION=hang-up, tls-failure or accept-fatal. Without such a line the agent was stopped or killed, or something between the hosts cut the connection.",
    };
  }
  return {
    message: `the ${peer} at ${address} closed the connection before TLS`,
    // It closes without an answer, so that a flood costs it nothing: only its log has the reason.
    hint:
      peer === "agent"
        ? "Its rate limit or its allowed_ips may keep this host out, or its connections are used up: look for ACTION=rate-block, ip-block, accept-fatal, tls-failure or hang-up in its log. To lift a block at once: systemctl reload ctrl-exec-agent, there."
        : "Check that pairing-mode runs there, or ctrl-exec-api with join = on.",
  };
}
