/** The key and certificate of a hub that stands alone: made when it starts for the first time. */
import { CtrlExecError } from "../core/errors.ts";
import { type CertificateFacts, readCertificate } from "../pki/certificate.ts";
import { createHubCertificate } from "../pki/hub-certificate.ts";
import { fitsKey, generateKeyPem, privateKeyAlone, readPrivateKey } from "../pki/keys.ts";
import {
  createWhole,
  readPrivateText,
  readText,
  readTextIfPresent,
} from "../system/files/files.ts";
import type { TlsCredential } from "../system/net/tls-credential.ts";

export interface HubFiles {
  readonly hub_cert: string;
  readonly hub_key: string;
  /** The CA of its peers. */
  readonly ca: string;
}

export interface HubIdentity {
  readonly credential: TlsCredential;
  readonly certificate: CertificateFacts;
}

/** @throws CtrlExecError `config` that names the file at fault, or `storage` */
export async function ownHubIdentity(files: HubFiles, now: Date): Promise<HubIdentity> {
  const { hub_cert, hub_key, ca } = files;
  if (readTextIfPresent(ca) === undefined) {
    throw new CtrlExecError("config", `Cannot read ${ca}: no such file or folder`, {
      hint: `Copy the CA's certificate, ca.crt of the control host, to ${ca}: the hub lets in whom it has signed.`,
    });
  }
  const authority = readCertificate(readText(ca), ca);
  if (readTextIfPresent(hub_key) === undefined && readTextIfPresent(hub_cert) === undefined) {
    await make(files, now);
  }
  const certificate = readCertificate(readText(hub_cert), hub_cert);
  const key = privateKeyAlone(readPrivateText(hub_key), hub_key);
  if (!fitsKey(certificate, key, hub_key)) {
    throw new CtrlExecError("config", `Cannot use ${hub_key}: it is not the key of ${hub_cert}`, {
      hint: "Restore both from one backup. If both are removed, new ones are made, and every pin must be changed.",
    });
  }
  return { credential: { cert: certificate.pem, key, ca: authority.pem }, certificate };
}

async function make({ hub_cert, hub_key }: HubFiles, now: Date): Promise<void> {
  const keyPem = await generateKeyPem("ec");
  const key = readPrivateKey(keyPem, "the new key");
  const random = crypto.getRandomValues(new Uint8Array(16));
  const pem = await createHubCertificate({ key, now, random });
  createWhole(hub_key, keyPem, 0o600);
  createWhole(hub_cert, pem, 0o644);
}
