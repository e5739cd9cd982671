/**
 * The controller's own certificates and keys, checked before they are used (T09).
 *
 * One is in force: `ctrl-exec.key` and `ctrl-exec.crt`. During a rotation there are others in
 * `credentials/<serial>.pem`, key and certificate in one file, so that no crash can separate them: the new one
 * until the two files above hold it, and the earlier ones that agents may still trust. `rotation.json` says
 * which is in force; rotation.ts has the order of the writes.
 *
 * `credentials/in-force.pem` is a copy of the one in force, which agents trust. If something else, usually
 * 0.8's program, has replaced the certificate, the copy is used, and replaced-credential.ts restores it.
 */
import { join } from "node:path";
import { type ControllerConfig, configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { type Serial, serialFromHex } from "../../core/serial.ts";
import { opensslTime } from "../../core/time.ts";
import { type CertificateFacts, isSignedBy, readCertificate } from "../../pki/certificate.ts";
import { fitsKey, privateKeyAlone } from "../../pki/keys.ts";
import { besideLink } from "../../system/files/beside-link.ts";
import {
  listFolder,
  readPrivateText,
  readText,
  readTextIfPresent,
} from "../../system/files/files.ts";
import type { TlsCredential } from "../../system/net/tls-credential.ts";
import type { HostContext } from "../store/host.ts";
import { paths } from "../store/paths.ts";
import type { StoredRotation } from "../store/ports/certificates.ts";
import { readRotation } from "../store/rotation-state.ts";

export interface ControllerCredential {
  readonly certificate: CertificateFacts;
  readonly ca: CertificateFacts;
  readonly keyPem: string;
}

export interface ControllerCredentials {
  readonly current: ControllerCredential;
  /** Those that agents may still trust, newest first. */
  readonly others: readonly ControllerCredential[];
  /** The one by which somebody else has replaced the current one; it is among the others. */
  readonly replacement: ControllerCredential | undefined;
}

/** At this time nothing has expired. */
export const ANY_TIME = new Date(0);

/** @throws CtrlExecError `config` that names the file at fault and what to do */
export function loadCredential(config: ControllerConfig, now: Date): ControllerCredential {
  return loadCredentials(config, now).current;
}

/** @throws CtrlExecError `config` that names the file at fault and what to do */
export function loadCredentials(config: ControllerConfig, now: Date): ControllerCredentials {
  const files = keptFiles(config);
  const kept: ControllerCredential[] = [];
  if (files.length > 0) {
    const ca = readCertificate(readText(config.ca), config.ca);
    kept.push(...files.flatMap((file) => readKept(file, ca, now) ?? []));
    const serial = stagedSerial(config, readRotation(config));
    const staged = kept.find(({ certificate }) => certificate.serial === serial);
    if (staged !== undefined) return { ...withOthers(staged, kept), replacement: undefined };
  }
  const inPlace = loadInPlace(config, now);
  const inForce = inForceInstead(config, inPlace, now);
  if (inForce === undefined) return { ...withOthers(inPlace, kept), replacement: undefined };
  return { ...withOthers(inForce, [...kept, inPlace]), replacement: inPlace };
}

function withOthers(
  current: ControllerCredential,
  kept: readonly ControllerCredential[],
): Pick<ControllerCredentials, "current" | "others"> {
  const bySerial = new Map(kept.map((one) => [one.certificate.serial, one]));
  bySerial.delete(current.certificate.serial);
  const others = [...bySerial.values()];
  others.sort((a, b) => b.certificate.notBefore.getTime() - a.certificate.notBefore.getTime());
  return { current, others };
}

/** The copy of the one in force, if it differs from the stored one and can be used. */
function inForceInstead(
  config: ControllerConfig,
  inPlace: ControllerCredential,
  now: Date,
): ControllerCredential | undefined {
  const file = paths(config).inForce;
  const text = readTextIfPresent(file);
  if (text === undefined || text === keptText(inPlace.keyPem, inPlace.certificate))
    return undefined;
  const kept = readKept(file, inPlace.ca, now);
  return kept?.certificate.serial === inPlace.certificate.serial ? undefined : kept;
}

/** Reports a replaced certificate before it is restored. */
export function replacementProblems(config: ControllerConfig, now: Date): CtrlExecError[] {
  const { current, replacement } = loadCredentials(config, now);
  if (replacement === undefined) return [];
  const { serial } = replacement.certificate;
  const message = `Cannot use ${config.cert}: somebody else has put it there, serial ${serial}`;
  return [
    new CtrlExecError("config", message, {
      hint: `Serial ${current.certificate.serial} stays in force; ctrl-exec maintain${configArgument(config.file)} restores it.`,
    }),
  ];
}

/**
 * Why the credential in force is lost, so that only a new one helps: it is missing, truncated, for another key or
 * from another CA. Undefined if it can be used, or has only expired: then it is signed again.
 *
 * @throws CtrlExecError `config` for a fault that can be corrected without giving up the credential: a mode, a
 * permission, the CA, a copy in credentials/
 */
export function lossOfCredential(config: ControllerConfig, now: Date): string | undefined {
  const ca = readCertificate(readText(config.ca), config.ca);
  for (const file of keptFiles(config)) readKept(file, ca, now);
  readRotation(config);
  readTextIfPresent(config.cert);
  if (readTextIfPresent(config.key) !== undefined) readPrivateText(config.key);
  try {
    loadCredentials(config, ANY_TIME);
    return undefined;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/**
 * The serial in the name of a file in credentials/; undefined for any other file. 1.0 wrote names without the
 * leading zero.
 */
export function keptSerial(name: string): Serial | undefined {
  const hex = /^([0-9a-f]+)\.pem$/.exec(name)?.[1];
  return hex === undefined ? undefined : serialFromHex(hex);
}

function keptFiles(config: ControllerConfig): string[] {
  const folder = paths(config).credentials;
  return listFolder(folder)
    .filter((name) => keptSerial(name) !== undefined)
    .map((name) => join(folder, name));
}

/**
 * The serial that rotation.json puts in force, unless somebody has since stored another certificate by hand,
 * one that is neither side of the rotation. If rotation.json cannot be used, it is that of the stored
 * certificate, whose key a crash may have left only in credentials/.
 */
function stagedSerial(config: ControllerConfig, rotation: StoredRotation): Serial | undefined {
  if (rotation.kind === "none") return undefined;
  const text = readTextIfPresent(config.cert);
  if (text === undefined) {
    return rotation.kind === "state" ? rotation.state.currentSerial : undefined;
  }
  const { serial } = readCertificate(text, config.cert);
  if (rotation.kind === "corrupt") return serial;
  const { currentSerial, previousSerial } = rotation.state;
  return serial === currentSerial || serial === previousSerial ? currentSerial : undefined;
}

/**
 * For callers who ask about runs: a host that has neither a credential nor records has not run anything, and would
 * otherwise look as if it had been asked about the wrong run.
 *
 * @throws CtrlExecError `config`
 */
export async function requireSetUp({ config, store }: HostContext): Promise<void> {
  if (await store.runs.wasUsed()) return;
  if (readTextIfPresent(config.cert) === undefined) throw notSetUp(config);
}

function notSetUp({ cert, file }: ControllerConfig): CtrlExecError {
  return new CtrlExecError("config", `Cannot read ${cert}: no such file or folder`, {
    hint: setUpHint(file),
  });
}

function loadInPlace(config: ControllerConfig, now: Date): ControllerCredential {
  if (readTextIfPresent(config.cert) === undefined) throw notSetUp(config);
  const ca = readCertificate(readText(config.ca), config.ca);
  const certificate = readCertificate(readText(config.cert), config.cert);
  const keyPem = privateKeyAlone(readPrivateText(config.key), config.key);
  if (!fitsKey(certificate, keyPem, config.key)) {
    throw new CtrlExecError(
      "config",
      `Cannot use ${config.key}: it is not the key of ${config.cert}`,
    );
  }
  if (!isSignedBy(certificate, ca)) {
    throw new CtrlExecError("config", `Cannot use ${config.cert}: ${config.ca} did not sign it`);
  }
  if (certificate.notAfter <= now) {
    throw new CtrlExecError(
      "config",
      `Cannot use ${config.cert}: it expired on ${opensslTime(certificate.notAfter)}`,
      {
        hint:
          `This host's clock says ${opensslTime(now)}: set it if that is wrong. If it is right, sign the ` +
          `certificate again, which loses no agent: ctrl-exec maintain${configArgument(config.file)}`,
      },
    );
  }
  return { certificate, ca, keyPem };
}

function setUpHint(file: string): string {
  const option = configArgument(file);
  const steps = `ctrl-exec setup-ca${option}, then ctrl-exec setup-ctrl-exec${option}`;
  return `${besideLink(file)}Set this control host up first: ${steps}`;
}

/** Undefined for one that is useless: from another CA, expired, or removed since the folder was listed. */
function readKept(file: string, ca: CertificateFacts, now: Date): ControllerCredential | undefined {
  if (readTextIfPresent(file) === undefined) return undefined;
  const text = readPrivateText(file);
  const certificate = readCertificate(text, file);
  const keyPem = privateKeyAlone(text, file);
  if (!fitsKey(certificate, keyPem, file)) {
    throw new CtrlExecError(
      "config",
      `Cannot use ${file}: its key is not that of its certificate`,
      { hint: "It is a copy. Restore it from a backup, or remove it." },
    );
  }
  if (!isSignedBy(certificate, ca) || certificate.notAfter <= now) return undefined;
  return { certificate, ca, keyPem };
}

/** The content of a file in credentials/. */
export function keptText(keyPem: string, { pem }: Pick<CertificateFacts, "pem">): string {
  return `${keyPem.trimEnd()}\n${pem.trimEnd()}\n`;
}

/** For dialling agents. */
export function clientCredential({ certificate, ca, keyPem }: ControllerCredential): TlsCredential {
  return { cert: certificate.pem, key: keyPem, ca: ca.pem };
}

/** For the pairing port: includes the CA, so that an agent can check its fingerprint first. */
export function pairingCredential({
  certificate,
  ca,
  keyPem,
}: ControllerCredential): TlsCredential {
  return { cert: `${certificate.pem}\n${ca.pem}`, key: keyPem };
}
