/** The file of the lock of a host and script: no two pairs have the same one (T70). */

/** Bytes of `.lock` aside: a file's name has 255 at most, and a host's alone may have 253. */
const MAX_PAIR = 250;

/**
 * `<host>--<script>.lock`, with `_` for the colons of an address (docs/PROTOCOL.md, section 4). Read back, it
 * ends the host at its first `--`. A host that has one in its own name, the `%` of an IPv6 zone, and a port are
 * escaped with a character that the fixed form does not have; so is a pair that is too long, which a digest tells
 * apart, and a script's name that no allowlist can hold.
 *
 * @param host in lower case, an address in its one spelling
 * @param script any text
 * @param port where it tells the host from others at its address
 */
export function lockFileName(host: string, script: string, port?: number): string {
  const escaped = host
    .replaceAll("%", "%25")
    .replaceAll(/-(?=-|$)/g, "%2D")
    .replaceAll(":", "_");
  const name = script.replaceAll(/[^A-Za-z0-9_-]/gu, escapeCharacter);
  const pair = `${escaped}${port === undefined ? "" : `%3A${port}`}--${name}`;
  if (pair.length <= MAX_PAIR) return `${pair}.lock`;
  const digest = new Bun.CryptoHasher("sha256").update(pair).digest("hex");
  return `${pair.slice(0, MAX_PAIR - digest.length - 1)}~${digest}.lock`;
}

/** `%` and its bytes in UTF-8, of which the first says how many there are. */
function escapeCharacter(character: string): string {
  return `%${Buffer.from(character, "utf8").toString("hex").toUpperCase()}`;
}
