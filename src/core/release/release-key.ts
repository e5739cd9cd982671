/** The public key of releases, as `ssh-keygen` writes it: `ssh-ed25519 AAAA... comment`. */
import { SshReader } from "./ssh-reader.ts";

/** The only kind of key: what OpenSSH makes by default, and what this program's runtime can check. */
export const KEY_TYPE = "ssh-ed25519";

const LINE = /^ssh-ed25519 ([A-Za-z0-9+/]{68})(?: [^\r\n]{0,255})?$/;

/** @returns the 32 bytes of the key; undefined if the line is anything else */
export function parseReleaseKey(line: string): Uint8Array | undefined {
  const [, coded = ""] = LINE.exec(line.trim()) ?? [];
  const bytes = Buffer.from(coded, "base64");
  return bytes.toString("base64") === coded ? readPublicKey(bytes) : undefined;
}

/** The key in SSH's binary form (RFC 8709, section 4). */
export function readPublicKey(blob: Uint8Array): Uint8Array | undefined {
  const reader = new SshReader(blob);
  const type = reader.text();
  const key = reader.bytes();
  return type === KEY_TYPE && key?.length === 32 && reader.isAtEnd ? key : undefined;
}
