/** The name of the lock file for a host and script, unique for each pair (T70). */

import { isIp } from "../../core/net/ip-address.ts";
import type { RunLockKey } from "./ports/locks.ts";

/** Most bytes besides `.lock`: a file name has at most 255, and a host's name alone may have 253. */
const MAX_PAIR = 250;

/**
 * `<host>--<script>.lock`, with `_` for the colons of an address (docs/PROTOCOL.md, section 4). When read back, the
 * host ends at the first `--`. A `--` in the name of a host, the `%` of an IPv6 zone, and a port are escaped with a
 * character that the fixed form does not have. So are a pair that is too long, which gets a digest, and a script's
 * name that no allowlist can contain.
 *
 * @param host in lower case, an address in canonical form
 * @param script any text
 * @param port if it distinguishes the host from others at its address
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

/** What the name of a lock file says; for a pair that was too long, the beginning. */
export function readLockFileName(file: string): RunLockKey {
  const pair = file.replace(/(?:~[0-9a-f]{64})?\.lock$/, "");
  const [typed = "", ...rest] = pair.split("--");
  const port = /%3A(\d{1,5})$/.exec(typed);
  const name = withoutEscapes(port === null ? typed : typed.slice(0, port.index));
  const address = name.replaceAll("_", ":");
  return {
    host: isIp(address) ? address : name,
    port: port === null ? undefined : Number(port[1]),
    script: withoutEscapes(rest.join("--")),
  };
}

function withoutEscapes(text: string): string {
  return text.replaceAll(
    /%([0-7][0-9A-F]|[CD][0-9A-F]{3}|E[0-9A-F]{5}|F[0-9A-F]{7})/g,
    (_, bytes: string) => Buffer.from(bytes, "hex").toString("utf8"),
  );
}

/** `%` and its UTF-8 bytes, the first of which says how many there are. */
function escapeCharacter(character: string): string {
  return `%${Buffer.from(character, "utf8").toString("hex").toUpperCase()}`;
}
