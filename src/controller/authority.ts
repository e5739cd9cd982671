/** The CA as files: made once, and used to sign. Its key never leaves this host. */
import { CtrlExecError } from "../core/errors.ts";
import { CONTROLLER_NAME } from "../core/host-name.ts";
import { createCaCertificate, issueCertificate, serialFrom } from "../pki/authority.ts";
import { type CertificateFacts, readCertificate } from "../pki/certificate.ts";
import { fitsKey, generateKeyPem, publicKeyBytes, readPrivateKey } from "../pki/keys.ts";
import {
  createWhole,
  ensureFolder,
  readPrivateText,
  readText,
  readTextIfPresent,
  removeIfPresent,
  writeWhole,
} from "../system/files.ts";
import { type Controller, paths } from "./controller.ts";
import { noteIssued } from "./issued.ts";
import { lockMaintenance } from "./maintenance-lock.ts";

const CA_NAME = "ctrl-exec CA";

/** Makes the CA. @throws CtrlExecError `exists` when there is one already */
export async function setupCa(controller: Controller): Promise<CertificateFacts> {
  // Of two at once, the second would put its key beside the first one's certificate (T30).
  using _lock = await lockMaintenance(controller);
  const { config, now } = controller;
  const { caKey, caCert } = paths(config);
  if (readTextIfPresent(caCert) !== undefined) {
    throw new CtrlExecError("exists", `Cannot create a CA: ${caCert} exists already`, {
      hint: "An existing CA is never overwritten: every certificate of the fleet hangs on it.",
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
  // A key without its certificate is what a crash between the two leaves: nothing hangs on it yet.
  removeIfPresent(caKey);
  createWhole(caKey, keyPem, 0o600);
  createWhole(caCert, pem, 0o644);
  return readCertificate(pem, caCert);
}

/** Signs a host certificate, and notes it before anybody has it. @param publicKey SubjectPublicKeyInfo, DER */
export async function signHost(
  { config, now }: Controller,
  commonName: string,
  publicKey: Buffer,
): Promise<CertificateFacts> {
  const { caKey, caCert } = paths(config);
  if (readTextIfPresent(caCert) === undefined) {
    throw new CtrlExecError("config", `Cannot sign: there is no CA in ${config.ca_dir}`, {
      hint: "Make one first: ctrl-exec setup-ca",
    });
  }
  const ca = readCertificate(readText(caCert), caCert);
  const keyPem = readPrivateText(caKey);
  // What it signed, nobody would trust: a rotation would cost this host every agent (T09).
  if (!fitsKey(ca, keyPem, caKey)) {
    throw new CtrlExecError("config", `Cannot use ${caKey}: it is not the key of ${caCert}`, {
      hint: "Restore both from one backup. Nothing was signed.",
    });
  }
  const pem = await issueCertificate({
    commonName,
    publicKey,
    ca,
    caKey: readPrivateKey(keyPem, caKey),
    days: config.cert_days,
    now: now(),
    backdate: config.cert_backdate,
    serial: serialFrom(crypto.getRandomValues(new Uint8Array(16))),
  });
  const certificate = readCertificate(pem, "the new certificate");
  await noteIssued(config, certificate);
  return certificate;
}

/** A new key and certificate for this host, which are nowhere in place yet. */
export async function makeOwnCredential(
  controller: Controller,
): Promise<{ readonly keyPem: string; readonly certificate: CertificateFacts }> {
  const keyPem = await generateKeyPem(controller.config.key_type);
  const publicKey = publicKeyBytes(readPrivateKey(keyPem, "the new key"));
  return { keyPem, certificate: await signHost(controller, CONTROLLER_NAME, publicKey) };
}

/**
 * Makes the controller's own key and certificate, and puts them in place. For a host that no agent
 * knows yet: with agents the way is rotation.ts.
 */
export async function setupController(controller: Controller): Promise<CertificateFacts> {
  const { config } = controller;
  using _lock = await lockMaintenance(controller);
  const { keyPem, certificate } = await makeOwnCredential(controller);
  writeWhole(config.key, keyPem, 0o600);
  writeWhole(config.cert, certificate.pem, 0o644);
  return certificate;
}
