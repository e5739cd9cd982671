/** Certificates as an attacker, another fleet, a wrong clock or a 0.8 host would have them. */
import { createPublicKey, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createCaCertificate, issueCertificate, serialFrom } from "../../src/pki/authority.ts";
import { type CertificateFacts, readCertificate } from "../../src/pki/certificate.ts";
import { generateKeyPem, readPrivateKey } from "../../src/pki/keys.ts";
import type { ControlHost } from "./fleet.ts";

/** PEM texts. */
export interface HostCredential {
  readonly cert: string;
  readonly key: string;
  /** The CA that signed it. */
  readonly ca: string;
  readonly serial: string;
}

export interface IssueWishes {
  /** The clock of the CA; default now. */
  readonly now?: Date;
  /** Default 30. */
  readonly days?: number;
  /** Default: a new key. */
  readonly publicKey?: Buffer;
  /** `rsa4096` takes a second or so. */
  readonly keyType?: "ec" | "rsa4096";
}

export class Authority {
  readonly ca: CertificateFacts;
  readonly #key: string;

  private constructor(certPem: string, keyPem: string) {
    this.ca = readCertificate(certPem, "CA");
    this.#key = keyPem;
  }

  /** Makes its own CA, by default with the usual name. */
  static async create(wishes: { name?: string; now?: Date } = {}): Promise<Authority> {
    const { name = "ctrl-exec CA", now = new Date() } = wishes;
    const key = await generateKeyPem("ec");
    const cert = await createCaCertificate({
      name,
      key: readPrivateKey(key, "key"),
      now,
      backdate: 3_600,
      serial: serialFrom(randomBytes(16)),
    });
    return new Authority(cert, key);
  }

  /** The control host's own CA. */
  static of(host: ControlHost): Authority {
    const read = (name: string) => readFileSync(host.folder.join("control", name), "utf8");
    return new Authority(read("ca.crt"), read("ca.key"));
  }

  async issue(commonName: string, wishes: IssueWishes = {}): Promise<HostCredential> {
    const key = await generateKeyPem(wishes.keyType ?? "ec");
    const publicKey =
      wishes.publicKey ?? createPublicKey(key).export({ type: "spki", format: "der" });
    const cert = await issueCertificate({
      commonName,
      publicKey,
      ca: this.ca,
      caKey: readPrivateKey(this.#key, "CA key"),
      days: wishes.days ?? 30,
      now: wishes.now ?? new Date(),
      backdate: 3_600,
      serial: serialFrom(randomBytes(16)),
    });
    return { cert, key, ca: this.ca.pem, serial: readCertificate(cert, commonName).serial };
  }
}

export const minutesFromNow = (minutes: number) => new Date(Date.now() + minutes * 60_000);
