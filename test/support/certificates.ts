/** Throw-away certificates. */
import { randomBytes } from "node:crypto";
import { createCaCertificate, issueCertificate, serialFrom } from "../../src/pki/authority.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../src/pki/keys.ts";

const serial = () => serialFrom(randomBytes(16));

/** A server certificate of a CA that nobody knows, and its key, PEM. */
export async function serverPair(name: string): Promise<{ cert: string; key: string }> {
  const caKey = readPrivateKey(await generateKeyPem("ec"), "CA");
  const now = new Date();
  const ca = await createCaCertificate({ name: "CA", key: caKey, now, serial: serial() });
  const key = await generateKeyPem("ec");
  const cert = await issueCertificate({
    commonName: name,
    publicKey: publicKeyBytes(readPrivateKey(key, name)),
    ca: readCertificate(ca, "CA"),
    caKey,
    days: 1,
    now,
    serial: serial(),
  });
  return { cert, key };
}
