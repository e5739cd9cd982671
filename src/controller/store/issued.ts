/**
 * What the CA has signed: `<serial> <notAfter> <name>`, one line each, written before the certificate leaves
 * this host; of the certificates from 0.8, those that renewals have found. With it, every certificate of a host
 * can be revoked, even one whose answer was lost.
 */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { sameHostName } from "../../core/net/host-name.ts";
import { type Serial, serialFromHex } from "../../core/serial.ts";
import { isoSeconds } from "../../core/time.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import { appendLine, readTextIfPresent, writeWhole } from "../../system/files/files.ts";
import { takeLock } from "../../system/files/lock.ts";
import { lockPath, paths } from "./paths.ts";

interface IssuedCertificate {
  readonly serial: Serial;
  readonly notAfter: Date;
  readonly name: string;
  readonly line: string;
}

/** @throws CtrlExecError `storage`: a certificate that cannot be noted is not handed out */
export async function noteIssued(
  config: ControllerConfig,
  { serial, notAfter, commonName }: Pick<CertificateFacts, "serial" | "notAfter" | "commonName">,
): Promise<void> {
  using _lock = await takeLock(lockPath(config, "issued"));
  appendLine(paths(config).issued, `${serial} ${isoSeconds(notAfter)} ${commonName}`, 0o640);
}

/** Serials of every unexpired certificate for the name that this CA has signed here. */
export function issuedTo(config: ControllerConfig, name: string, now: Date): Serial[] {
  return readIssued(config)
    .filter((issued) => sameHostName(issued.name, name) && issued.notAfter > now)
    .map(({ serial }) => serial);
}

/** Whether any line is for an expired certificate. */
export function hasExpired(config: ControllerConfig, now: Date): boolean {
  return readIssued(config).some(({ notAfter }) => notAfter <= now);
}

/** Drops the lines of expired certificates. */
export async function pruneIssued(config: ControllerConfig, now: Date): Promise<void> {
  using _lock = await takeLock(lockPath(config, "issued"));
  const all = readIssued(config);
  const left = all.filter(({ notAfter }) => notAfter > now);
  if (left.length === all.length) return;
  writeWhole(paths(config).issued, left.map(({ line }) => `${line}\n`).join(""), 0o640);
}

function readIssued(config: ControllerConfig): IssuedCertificate[] {
  const text = readTextIfPresent(paths(config).issued) ?? "";
  return text.split("\n").flatMap((line) => {
    const match = /^([0-9a-f]+) (\S+) (\S+)$/.exec(line);
    const [, hex = "", notAfter = "", name = ""] = match ?? [];
    if (match === null) return [];
    return [{ serial: serialFromHex(hex), notAfter: new Date(notAfter), name, line }];
  });
}
