/** When an agent's certificate is to be renewed. */

export interface CertificateLife {
  readonly hostname: string;
  readonly issued: Date;
  readonly expires: Date;
}

/**
 * A third of the lifetime before its end, put off by a part of a twelfth that depends on the host's
 * name alone: a fleet paired on one day renews over a month of a year's certificate, and a host
 * always on the same day.
 */
export function renewalTime({ hostname, issued, expires }: CertificateLife): Date {
  const lifetime = Math.max(0, expires.getTime() - issued.getTime());
  return new Date(expires.getTime() - lifetime / 3 + (lifetime / 12) * fractionOf(hostname));
}

/** The name as a number from 0 up to 1, evenly spread. */
function fractionOf(hostname: string): number {
  const digest = new Bun.CryptoHasher("sha256").update(hostname.toLowerCase(), "utf8").digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}
