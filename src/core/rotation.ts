/**
 * Decisions about the controller's certificate and which agents know it. Nothing here reads a clock or a file.
 */
import { readSerialLine, type Serial } from "./serial.ts";
import { addDays } from "./time.ts";

/** As shown by `serial-status` (docs/OPERATIONS.md, "Renewal and rotation"). */
export const SERIAL_STATUSES = ["current", "pending", "stale", "unknown"] as const;
export type SerialStatus = (typeof SERIAL_STATUSES)[number];

/** What a registry record says about the controller's serial. */
export interface SerialKnowledge {
  /** The serial that the agent is known to trust, as stored; 0.8 writes leading zeros. */
  readonly dispatcher_serial: string;
  readonly serial_status: SerialStatus;
}

export interface RotationView {
  /** Serial of the certificate in force. */
  readonly current: Serial;
  /** End of the overlap of the last rotation; undefined if there was none. */
  readonly overlapExpires: Date | undefined;
}

/**
 * An agent's status now. The record has the status last written; a crash between the rotation and the records,
 * or an overlap that has ended since, must not be missed.
 */
export function serialStatus(
  { dispatcher_serial, serial_status }: SerialKnowledge,
  { current, overlapExpires }: RotationView,
  now: Date,
): SerialStatus {
  const known = readSerialLine(dispatcher_serial);
  if (known === current && serial_status !== "pending") return "current";
  if (serial_status === "stale") return "stale";
  if (known === undefined && serial_status !== "pending") return "unknown";
  if (overlapExpires !== undefined && overlapExpires <= now) return "stale";
  return "pending";
}

export interface RotationPolicy {
  readonly cert_days: number;
  readonly cert_renewal_days: number;
}

const HOUR_MS = 3_600_000;

/**
 * Whether the controller's certificate is due for replacement. If `cert_renewal_days` is not shorter than the
 * certificate's life, it would rotate at every check, so a third of the life is used instead. A rotation is not
 * due either if the end of the CA would make it pointless.
 */
export function rotationDue(
  notAfter: Date,
  caNotAfter: Date,
  policy: RotationPolicy,
  now: Date,
): boolean {
  if (now < addDays(notAfter, -renewalThreshold(policy))) return false;
  return lastsLonger(notAfter, caNotAfter, policy.cert_days, now);
}

/** How many days before its end a certificate is replaced. */
export function renewalThreshold({ cert_days, cert_renewal_days }: RotationPolicy): number {
  return cert_renewal_days < cert_days ? cert_renewal_days : cert_days / 3;
}

/** Whether a certificate made now would outlive the current one by more than an hour. */
export function lastsLonger(notAfter: Date, caNotAfter: Date, days: number, now: Date): boolean {
  const next = Math.min(addDays(now, days).getTime(), caNotAfter.getTime());
  return next - notAfter.getTime() > HOUR_MS;
}
