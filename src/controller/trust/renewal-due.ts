/** When an agent's certificate is due for renewal. */
import { addDays, parseOpensslTime } from "../../core/time.ts";
import type { AgentRecord } from "../store/agent-record.ts";

/** When the agent's certificate is due, according to its record; undefined if the record does not say. */
export function renewalDueAt(record: AgentRecord, certDays: number): Date | undefined {
  const expires = parseOpensslTime(record.expiry);
  if (expires === undefined) return undefined;
  const written = new Date(record.renewed === "" ? record.paired : record.renewed);
  // If it was written while the clock was wrong, it may be after the end.
  const believed = written < expires;
  const issued = believed ? written : addDays(expires, -certDays);
  return renewalTime({ hostname: record.hostname, issued, expires });
}

interface CertificateLife {
  readonly hostname: string;
  readonly issued: Date;
  readonly expires: Date;
}

/**
 * A third of the lifetime before its end, delayed by up to a twelfth that depends only on the host's name: with
 * certificates of a year, a fleet paired on one day renews over a month, and each host always on the same day.
 */
export function renewalTime({ hostname, issued, expires }: CertificateLife): Date {
  const lifetime = Math.max(0, expires.getTime() - issued.getTime());
  return new Date(expires.getTime() - lifetime / 3 + (lifetime / 12) * fractionOf(hostname));
}

/** Maps the name to a number from 0 up to 1, evenly spread. */
function fractionOf(hostname: string): number {
  const digest = new Bun.CryptoHasher("sha256").update(hostname.toLowerCase(), "utf8").digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}
