/**
 * What the CA has signed: `<serial> <notAfter> <name>`, one line each, written before the certificate leaves this
 * host. Of the certificates from 0.8, it has those that renewals have found. With it, every certificate of a host can
 * be revoked, even one whose answer was lost.
 */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { sameHostName } from "../../core/net/host-name.ts";
import { serialFromHex } from "../../core/serial.ts";
import { isoSeconds } from "../../core/time.ts";
import type { CertificateFacts } from "../../pki/certificate.ts";
import { appendLine } from "../../system/files/append-line.ts";
import { readTextIfPresent, writeWhole } from "../../system/files/files.ts";
import { takeLock } from "../../system/files/lock.ts";
import { lockPath } from "./lock-path.ts";
import { paths } from "./paths.ts";
import type { IssuedCertificate, IssuedTo } from "./ports/certificates.ts";

/** A line, and what it says; undefined if it cannot be read. */
interface Line {
  readonly number: number;
  readonly text: string;
  readonly issued: (IssuedCertificate & { readonly name: string }) | undefined;
}

/** @throws CtrlExecError `storage`: a certificate that cannot be noted is not handed out */
export async function noteIssued(
  config: ControllerConfig,
  { serial, notAfter, commonName }: Pick<CertificateFacts, "serial" | "notAfter" | "commonName">,
): Promise<void> {
  using _lock = await takeLock(lockPath(config, "issued"));
  appendLine(paths(config).issued, `${serial} ${isoSeconds(notAfter)} ${commonName}`, 0o640);
}

/** Every unexpired certificate for the name that this CA has signed here. */
export function issuedTo(config: ControllerConfig, name: string, now: Date): IssuedTo {
  const lines = readLines(config);
  const certificates = lines.flatMap(({ issued }) => {
    if (issued === undefined || !sameHostName(issued.name, name) || issued.notAfter <= now)
      return [];
    return [{ serial: issued.serial, notAfter: issued.notAfter }];
  });
  const unread = lines.filter(({ issued }) => issued === undefined).map(({ number }) => number);
  if (unread.length === 0) return { certificates, unread: undefined };
  const which = `line${unread.length === 1 ? "" : "s"} ${unread.join(", ")}`;
  return { certificates, unread: `${paths(config).issued}: cannot read ${which}` };
}

/** Whether any line is for an expired certificate. */
export function hasExpired(config: ControllerConfig, now: Date): boolean {
  return readLines(config).some(({ issued }) => issued !== undefined && issued.notAfter <= now);
}

/**
 * Drops the lines of expired certificates. A line that cannot be read is kept: it may belong to a valid certificate.
 */
export async function pruneIssued(config: ControllerConfig, now: Date): Promise<void> {
  using _lock = await takeLock(lockPath(config, "issued"));
  const all = readLines(config);
  const left = all.filter(({ issued }) => issued === undefined || issued.notAfter > now);
  if (left.length === all.length) return;
  writeWhole(paths(config).issued, left.map(({ text }) => `${text}\n`).join(""), 0o640);
}

function readLines(config: ControllerConfig): Line[] {
  const text = readTextIfPresent(paths(config).issued) ?? "";
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    return [{ number: index + 1, text: line, issued: readIssued(line) }];
  });
}

function readIssued(line: string): Line["issued"] {
  const [, hex = "", end = "", name = ""] = /^([0-9a-f]+) (\S+) (\S+)$/.exec(line) ?? [];
  const notAfter = new Date(end);
  if (hex === "" || Number.isNaN(notAfter.getTime())) return undefined;
  return { serial: serialFromHex(hex), notAfter, name };
}
