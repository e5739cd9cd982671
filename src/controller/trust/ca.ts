/** The CA's files, which are made once and used to sign. Its key never leaves this host. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { CONTROLLER_NAME } from "../../core/net/host-name.ts";
import type { Serial } from "../../core/serial.ts";
import { opensslTime } from "../../core/time.ts";
import type { Validity } from "../../core/validity.ts";
import {
  createCaCertificate,
  type IssueOptions,
  issueCertificate,
  serialFrom,
} from "../../pki/authority.ts";
import { type CertificateFacts, readCertificate } from "../../pki/certificate.ts";
import { fitsKey, generateKeyPem, publicKeyBytes, readPrivateKey } from "../../pki/keys.ts";
import {
  createWhole,
  ensureFolder,
  readPrivateText,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import { paths } from "../store/paths.ts";
import { caCertificate } from "./ca-certificate.ts";
import { keptText } from "./credential.ts";

const CA_NAME = "ctrl-exec CA";

export interface MadeCa {
  readonly certificate: CertificateFacts;
  /** The names of its files. */
  readonly files: { readonly key: string; readonly certificate: string };
}

/** Makes the CA. @throws CtrlExecError `exists` if there is one already */
export async function setupCa(controller: HostContext): Promise<MadeCa> {
  // Of two concurrent calls, the second would put its key beside the first one's certificate (T30).
  return await controller.store.upkeep(() => makeCa(controller));
}

async function makeCa(controller: HostContext): Promise<MadeCa> {
  const { config, log, now } = controller;
  const { caKey, caCert } = paths(config);
  if (readTextIfPresent(caCert) !== undefined) {
    throw new CtrlExecError("exists", `Cannot create a CA: ${caCert} exists already`, {
      hint: "An existing CA is never overwritten: every certificate of the fleet depends on it.",
    });
  }
  ensureFolder(config.ca_dir, 0o755);
  const keyPem = await generateKeyPem(config.key_type);
  const pem = await createCaCertificate({
    name: CA_NAME,
    key: readPrivateKey(keyPem, "the new CA key"),
    now: now(),
    backdate: config.cert_backdate,
    serial: serialFrom(crypto.getRandomValues(new Uint8Array(16))),
  });
  // A crash between the two writes leaves a key without its certificate: nothing depends on it yet.
  removeIfPresent(caKey);
  createWhole(caKey, keyPem, 0o600);
  createWhole(caCert, pem, 0o644);
  const certificate = readCertificate(pem, caCert);
  log({ event: "setup-ca", fingerprint: certificate.fingerprint });
  return { certificate, files: { key: caKey, certificate: caCert } };
}

/** Signs a host certificate, and notes it before anybody gets it. @param publicKey SubjectPublicKeyInfo, DER */
export async function signHost(
  controller: HostContext,
  commonName: string,
  publicKey: Buffer,
): Promise<CertificateFacts> {
  const { cert_days: days, cert_backdate: backdate } = controller.config;
  const serial = serialFrom(crypto.getRandomValues(new Uint8Array(16)));
  return await sign(controller, { commonName, publicKey, days, backdate, serial });
}

/** Signs this host's own certificate again with new dates, for the same key and under the same serial. */
export async function signAgain(
  controller: HostContext,
  { publicKey, serial }: CertificateFacts,
  life: Validity,
): Promise<CertificateFacts> {
  const now = controller.now().getTime();
  return await sign(controller, {
    commonName: CONTROLLER_NAME,
    publicKey,
    days: (life.notAfter.getTime() - now) / 86_400_000,
    backdate: (now - life.notBefore.getTime()) / 1000,
    serial: derSerial(serial),
  });
}

/** Keeps it positive: if the first bit is set, a zero octet is prepended (X.690 section 8.3). */
function derSerial(serial: Serial): string {
  return serial >= "8" ? `00${serial}` : serial;
}

/** @throws CtrlExecError `config` if the CA cannot sign now */
async function sign(
  { config, now, store }: HostContext,
  wanted: Pick<IssueOptions, "commonName" | "publicKey" | "days" | "backdate" | "serial">,
): Promise<CertificateFacts> {
  const { caKey, caCert } = paths(config);
  if (readTextIfPresent(caCert) === undefined) {
    throw new CtrlExecError("config", `Cannot sign: there is no CA in ${config.ca_dir}`, {
      hint: `Make one first: ctrl-exec setup-ca${configArgument(config.file)}`,
    });
  }
  const ca = caCertificate(config);
  const keyPem = readPrivateText(caKey);
  // Nobody would trust what it signed: a rotation would lose every agent (T09).
  if (!fitsKey(ca, keyPem, caKey)) {
    throw new CtrlExecError("config", `Cannot use ${caKey}: it is not the key of ${caCert}`, {
      hint: "Restore both from one backup. Nothing was signed.",
    });
  }
  requireValidCa(ca, caCert, now());
  const pem = await issueCertificate({
    ...wanted,
    ca,
    caKey: readPrivateKey(keyPem, caKey),
    now: now(),
  });
  const certificate = readCertificate(pem, "the new certificate");
  await store.certificates.note(certificate);
  return certificate;
}

/** Nobody accepts a certificate that the CA signs outside its own lifetime (T68). */
function requireValidCa({ notBefore, notAfter }: CertificateFacts, file: string, now: Date): void {
  const here = `this host's clock says ${opensslTime(now)}`;
  if (notBefore > now) {
    const state = `${file} is not valid before ${opensslTime(notBefore)}, and ${here}`;
    throw new CtrlExecError("config", `Cannot sign: ${state}`, {
      hint:
        "Set the clock if it is behind. If it was ahead when the CA was made, and no host is paired yet, " +
        "remove ca.key and ca.crt and run ctrl-exec setup-ca again.",
    });
  }
  if (notAfter > now) return;
  const state = `${file} ended ${opensslTime(notAfter)}, and ${here}`;
  throw new CtrlExecError("config", `Cannot sign: ${state}`, {
    hint: "Set the clock if it is ahead. If it is right, the fleet needs a new CA: every host is paired again.",
  });
}

/** Makes a new key and certificate for this host, without storing them. */
export async function makeOwnCredential(
  controller: HostContext,
): Promise<{ readonly keyPem: string; readonly certificate: CertificateFacts }> {
  const keyPem = await generateKeyPem(controller.config.key_type);
  const publicKey = publicKeyBytes(readPrivateKey(keyPem, "the new key"));
  return { keyPem, certificate: await signHost(controller, CONTROLLER_NAME, publicKey) };
}

/**
 * Makes and stores the controller's own key and certificate. For a host that no agent knows yet, or that has
 * lost its own; if there are agents, use rotation.ts. The caller has asked whether this host's clock is right (T68).
 */
export async function setupController(controller: HostContext): Promise<CertificateFacts> {
  const { config, log } = controller;
  return await controller.store.upkeep(async () => {
    const { keyPem, certificate } = await makeOwnCredential(controller);
    const { credentials, inForce } = paths(config);
    // The copy of an earlier one would otherwise be restored over it.
    removeIfPresent(inForce);
    writeWhole(config.key, keyPem, 0o600);
    writeWhole(config.cert, certificate.pem, 0o644);
    ensureFolder(credentials, 0o700);
    writeWhole(inForce, keptText(keyPem, certificate), 0o600);
    log({ event: "setup-ctrl-exec", serial: certificate.serial });
    return certificate;
  });
}
