/** What both sides of every TLS connection agree on (docs/PROTOCOL.md, section 2). */

/** For TLS 1.2; the suites of TLS 1.3 are fixed. */
export const TLS12_SUITES = [
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
].join(":");

export interface TlsCredential {
  /** PEM; a chain may follow the certificate. */
  readonly cert?: string;
  readonly key?: string;
  /** PEM: the only root that is trusted. */
  readonly ca?: string;
}
