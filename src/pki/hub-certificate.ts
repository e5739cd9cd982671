/** The certificate of a hub that is not a control host's: signed by itself, so that no CA vouches for it (T43). */
import type { KeyObject } from "node:crypto";
import { addDays } from "../core/time.ts";
import { serialFrom } from "./authority.ts";
import { caSigningPair } from "./signing.ts";
import { x509 } from "./x509-library.ts";

/** Peers compare its fingerprint, and nothing else: it need not end before its key is replaced. */
const HUB_DAYS = 3650;

const HUB_NAME = "ctrl-exec-hub";

export interface HubCertificateOptions {
  readonly key: KeyObject;
  readonly now: Date;
  /** 16 random octets. */
  readonly random: Uint8Array;
}

/** PEM. */
export async function createHubCertificate(options: HubCertificateOptions): Promise<string> {
  const { keys, algorithm } = await caSigningPair(options.key);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialFrom(options.random),
    name: [{ CN: [HUB_NAME] }],
    notBefore: addDays(options.now, -1),
    notAfter: addDays(options.now, HUB_DAYS),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}
