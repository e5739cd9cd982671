/** A CA of a test's own, and certificates of it. */
import { createCaCertificate, issueCertificate, serialFrom } from "../../src/pki/authority.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../src/pki/keys.ts";

const newSerial = () => serialFrom(crypto.getRandomValues(new Uint8Array(16)));

export interface TestCredential {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export class TestCa {
  readonly pem: string;
  readonly #keyPem: string;

  private constructor(pem: string, keyPem: string) {
    this.pem = pem;
    this.#keyPem = keyPem;
  }

  static async create(): Promise<TestCa> {
    const keyPem = await generateKeyPem("ec");
    const key = readPrivateKey(keyPem, "ca.key");
    const now = new Date(Date.now() - 400 * 86_400_000);
    return new TestCa(
      await createCaCertificate({
        name: "test CA",
        key,
        now,
        backdate: 3_600,
        serial: newSerial(),
      }),
      keyPem,
    );
  }

  /** @param now when it is made; it is valid for 30 days from then */
  async issue(commonName: string, now = new Date()): Promise<TestCredential> {
    const key = await generateKeyPem("ec");
    const cert = await issueCertificate({
      commonName,
      publicKey: publicKeyBytes(readPrivateKey(key, "k")),
      ca: readCertificate(this.pem, "ca.crt"),
      caKey: readPrivateKey(this.#keyPem, "ca.key"),
      days: 30,
      now,
      backdate: 3_600,
      serial: newSerial(),
    });
    return { cert, key, ca: this.pem };
  }
}
