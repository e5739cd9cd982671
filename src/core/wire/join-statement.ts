/** What an agent signs to join (docs/PROTOCOL.md, section 1). */
import { laidOut } from "./laid-out.ts";

export interface JoinFacts {
  /** The fingerprint of the control host's CA. */
  readonly caFingerprint: string;
  /**
   * The control host's certificate as shown in the handshake, DER: what was signed for one connection is not valid
   * for any other.
   */
  readonly certificate: Uint8Array;
  readonly token: string;
  /** The control host's random value, new for each connection: a message cannot be replayed (T31). */
  readonly value: string;
  readonly hostname: string;
  readonly nonce: string;
  readonly port: number | undefined;
  readonly csr: string;
}

/** Signed with the token's key; `same-host` is signed with the key of the certificate that the host already has. */
export function joinStatement(facts: JoinFacts, purpose: "join" | "same-host"): Buffer {
  const { caFingerprint, certificate, token, value, hostname, nonce, port, csr } = facts;
  return laidOut([
    `ctrl-exec pairing ${purpose} 1`,
    caFingerprint,
    certificate,
    token,
    value,
    hostname,
    nonce,
    port === undefined ? "" : String(port),
    csr,
  ]);
}
