/**
 * The files of an agent's identity (docs/PROTOCOL.md, section 4): key, certificate and CA.
 *
 * They only work together, and a new pairing replaces them all. The new key and CA are staged as `.next`; renaming
 * the new certificate puts them in force: a staged key that matches the current certificate is the key. A crash at
 * any point leaves the old identity or the new one whole.
 */
import { dirname } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { Serial } from "../../core/serial.ts";
import { type CertificateFacts, isSignedBy, readCertificate } from "../../pki/certificate.ts";
import { fitsKey, privateKeyAlone } from "../../pki/keys.ts";
import {
  ensureFolder,
  moveOver,
  readPrivateText,
  readText,
  readTextIfPresent,
  writeWhole,
} from "../../system/files/files.ts";
import { fileToReplace, REPLACED_FILE } from "../../system/files/linked-file.ts";
import { forgetPreviousSerial, storeControllerSerial } from "./controller-serials.ts";

/** What a control host has approved. */
export interface Enrolled {
  readonly certPem: string;
  readonly ca: CertificateFacts;
  readonly controllerSerial: Serial;
}

export interface AgentIdentity {
  readonly certificate: CertificateFacts;
  readonly ca: CertificateFacts;
  readonly keyPem: string;
}

/** One write of a pairing, by name. */
export interface StoreStep {
  readonly name: string;
  run(): void;
}

/** @throws CtrlExecError `storage`; it can then be repeated */
export function storeIdentity(config: AgentConfig, keyPem: string, enrolled: Enrolled): void {
  for (const step of storeSteps(config, keyPem, enrolled)) step.run();
}

/**
 * The writes, in order. Until the certificate is written, the agent goes on under its old identity: the
 * controller's serial keeps the old one beside it.
 */
export function storeSteps(config: AgentConfig, keyPem: string, enrolled: Enrolled): StoreStep[] {
  const { cert, key, ca, dispatcher_serial_path } = config;
  return [
    { name: "finish the pairing before", run: () => finishEarlier(config) },
    {
      name: "stage the key",
      run: () => {
        for (const path of [key, ca, dispatcher_serial_path, cert]) {
          ensureFolder(dirname(path), 0o755);
        }
        writeWhole(staged(key), keyPem, 0o640);
      },
    },
    { name: "stage the CA", run: () => writeWhole(staged(ca), enrolled.ca.pem, 0o644) },
    {
      name: "store the controller's serial",
      run: () => storeControllerSerial(dispatcher_serial_path, enrolled.controllerSerial),
    },
    { name: "store the certificate", run: () => storeCertificate(config, enrolled.certPem) },
    { name: "put the CA in place", run: () => moveOver(staged(ca), ca) },
    {
      name: "forget the serial before",
      run: () => forgetPreviousSerial(dispatcher_serial_path),
    },
    { name: "put the key in place", run: () => moveOver(staged(key), key) },
  ];
}

function staged(path: string): string {
  return `${path}.next`;
}

/** @throws CtrlExecError `storage`; the old one is untouched (T22) */
export function storeCertificate({ cert }: AgentConfig, pem: string): void {
  writeWhole(fileToReplace(cert), pem, 0o640);
}

/** @throws CtrlExecError `config` if there is none, or it cannot be used */
export function loadCertificate({ cert }: AgentConfig): CertificateFacts {
  return readCertificate(readText(fileToReplace(cert), REPLACED_FILE), cert);
}

/** An agent is paired if it has a certificate. @throws CtrlExecError `config` if that cannot be told */
export function isPaired({ cert }: AgentConfig): boolean {
  return readTextIfPresent(fileToReplace(cert), REPLACED_FILE) !== undefined;
}

/**
 * Also finishes a pairing that was cut off.
 * @throws CtrlExecError `config` that names the file at fault (T09)
 */
export function loadIdentity(config: AgentConfig): AgentIdentity {
  const { usesStaged, ...identity } = readIdentity(config);
  if (usesStaged) finishStore(config);
  return identity;
}

/**
 * The same while a pairing may be working on the files: moves nothing.
 * @throws CtrlExecError `config` that names the file at fault (T09)
 */
export function readIdentity(
  config: AgentConfig,
): AgentIdentity & { readonly usesStaged: boolean } {
  const certificate = loadCertificate(config);
  const { keyFile, caFile, usesStaged } = identityFiles(config, certificate);
  const keyPem = privateKeyAlone(readPrivateText(keyFile), keyFile);
  const ca = readCertificate(readText(caFile), caFile);
  if (!fitsKey(certificate, keyPem, keyFile)) {
    throw new CtrlExecError("config", `Cannot use ${keyFile}: it is not the key of ${config.cert}`);
  }
  if (!isSignedBy(certificate, ca)) {
    throw new CtrlExecError("config", `Cannot use ${config.cert}: ${caFile} did not sign it`);
  }
  return { certificate, ca, keyPem, usesStaged };
}

/** Every file that readIdentity() may read. */
export function identityPaths({ cert, key, ca }: AgentConfig): string[] {
  return [cert, key, ca, staged(key), staged(ca)];
}

/**
 * The key and CA that belong to the current certificate; after a pairing that was cut off, the staged ones.
 * @throws CtrlExecError `config` if a staged file cannot be read
 */
export function identityFiles(
  config: AgentConfig,
  certificate: CertificateFacts,
): { readonly keyFile: string; readonly caFile: string; readonly usesStaged: boolean } {
  const { key, ca } = config;
  if (!stagedKeyFits(config, certificate)) return { keyFile: key, caFile: ca, usesStaged: false };
  const hasCa = readTextIfPresent(staged(ca)) !== undefined;
  return { keyFile: staged(key), caFile: hasCa ? staged(ca) : ca, usesStaged: true };
}

/** A staged key that does not match belongs to a pairing that did not complete: it changes nothing. */
function stagedKeyFits(config: AgentConfig, certificate: CertificateFacts): boolean {
  const file = staged(config.key);
  const text = readTextIfPresent(file);
  return text !== undefined && fitsKey(certificate, text, file);
}

/**
 * A pairing that was cut off after its certificate has left the key in force staged, and the next one would
 * overwrite it. An identity that cannot be read is not worth keeping.
 */
function finishEarlier(config: AgentConfig): void {
  if (isUnfinished(config)) putInPlace(config);
}

function isUnfinished(config: AgentConfig): boolean {
  try {
    return stagedKeyFits(config, loadCertificate(config));
  } catch (thrown) {
    if (thrown instanceof CtrlExecError) return false;
    throw thrown;
  }
}

/** The agent's own user may not write here; the staged files then stay in use. */
function finishStore(config: AgentConfig): void {
  try {
    putInPlace(config);
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError)) throw thrown;
  }
}

/** The key comes last: while it is staged, the rest may be unfinished. */
function putInPlace({ key, ca, dispatcher_serial_path }: AgentConfig): void {
  if (readTextIfPresent(staged(ca)) !== undefined) moveOver(staged(ca), ca);
  forgetPreviousSerial(dispatcher_serial_path);
  moveOver(staged(key), key);
}
