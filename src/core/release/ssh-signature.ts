/**
 * A signature that `ssh-keygen -Y sign` has made, in the one form that releases have: Ed25519 over SHA-512, for the
 * purpose RELEASE_PURPOSE (OpenSSH's PROTOCOL.sshsig). Anything else is refused, also what ssh-keygen would accept.
 */
import { KEY_TYPE, readPublicKey } from "./release-key.ts";
import { SshReader } from "./ssh-reader.ts";

/** A signature for another purpose by the same key is not one of a release: ssh-keygen's "namespace". */
export const RELEASE_PURPOSE = "ctrl-exec-release";

const MAGIC = "SSHSIG";
const VERSION = 1;
const HASH = "sha512";

/** An Ed25519 signature for our purpose has about 300 characters. */
const MAX_SIGNATURE = 2048;

const ARMOUR =
  /^-----BEGIN SSH SIGNATURE-----\n((?:[A-Za-z0-9+/=]{1,76}\n){1,32})-----END SSH SIGNATURE-----\n?$/;

export interface SshSignature {
  /** The signer's: 32 bytes. */
  readonly key: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** @returns why it cannot be used, if it cannot */
export function readSignature(text: string): SshSignature | string {
  if (text.length > MAX_SIGNATURE) return "it is too long";
  const [, lines] = ARMOUR.exec(text) ?? [];
  if (lines === undefined) return "it is not an SSH signature";
  const coded = lines.replaceAll("\n", "");
  const bytes = Buffer.from(coded, "base64");
  // One way to write it: nothing is skipped, and no bits are left over.
  if (bytes.toString("base64") !== coded) return "it is not base64";
  return readBlob(new SshReader(bytes));
}

function readBlob(reader: SshReader): SshSignature | string {
  if (reader.take(MAGIC.length)?.toString("latin1") !== MAGIC) return "it is not an SSH signature";
  if (reader.number() !== VERSION) return "it is of another version of the format";
  const key = readPublicKey(reader.bytes() ?? Buffer.alloc(0));
  if (key === undefined) return `its key is not ${KEY_TYPE}`;
  const purpose = reader.text();
  const reserved = reader.text();
  const hash = reader.text();
  const signature = readInner(reader.bytes());
  if (signature === undefined || !reader.isAtEnd) return "it was cut, or something was added to it";
  if (purpose !== RELEASE_PURPOSE) return `it is not for the purpose ${RELEASE_PURPOSE}`;
  if (hash !== HASH || reserved !== "") return `it is not over ${HASH}`;
  return { key, signature };
}

function readInner(blob: Uint8Array | undefined): Uint8Array | undefined {
  if (blob === undefined) return undefined;
  const inner = new SshReader(blob);
  const type = inner.text();
  const signature = inner.bytes();
  return type === KEY_TYPE && signature?.length === 64 && inner.isAtEnd ? signature : undefined;
}

/** What the key has signed, for a message with this hash (SHA-512, 64 bytes). */
export function signedBytes(hash: Uint8Array): Uint8Array {
  const part = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const parts = [RELEASE_PURPOSE, "", HASH].map((word) => part(Buffer.from(word, "latin1")));
  return Buffer.concat([Buffer.from(MAGIC, "latin1"), ...parts, part(hash)]);
}
