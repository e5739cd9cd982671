/**
 * Whether a release is one that the release key has signed (T36). The key signs `SHA256SUMS`, and nothing else of a
 * release is believed before that: its version is that of the file `VERSION`, whose checksum is in there too.
 */
import { createHash, createPublicKey, verify } from "node:crypto";
import { type Checksums, parseChecksums } from "../core/release/checksums.ts";
import { readSignature, signedBytes } from "../core/release/ssh-signature.ts";
import { parseVersion } from "../core/version-order.ts";
import { ed25519Spki } from "./ed25519.ts";

/** The release's files that say what it is. */
export interface ReleasePapers {
  /** `SHA256SUMS`. */
  readonly sums: string;
  /** `SHA256SUMS.sig`. */
  readonly signature: string;
  /** `VERSION`, without its line break. */
  readonly version: string;
}

export type ReleaseFault =
  /** The signature cannot be read, or is of a form that releases do not have. */
  | "bad-signature"
  /** Another key has signed it. */
  | "other-key"
  /** What was signed is not this SHA256SUMS. */
  | "altered"
  /** SHA256SUMS was signed, but it is not a list of checksums. */
  | "bad-sums"
  /** The version is not what SHA256SUMS says. */
  | "other-version";

export type JudgedRelease =
  | { readonly kind: "signed"; readonly version: string; readonly sums: Checksums }
  | { readonly kind: "refused"; readonly fault: ReleaseFault; readonly problem: string };

/** @param key the release key, 32 bytes */
export function judgeRelease(
  { sums, signature, version }: ReleasePapers,
  key: Uint8Array,
): JudgedRelease {
  const read = readSignature(signature);
  if (typeof read === "string") return refused("bad-signature", `SHA256SUMS.sig: ${read}`);
  if (!Buffer.from(read.key).equals(key)) {
    return refused("other-key", "another key than release_key has signed it");
  }
  const statement = signedBytes(createHash("sha512").update(sums).digest());
  const publicKey = createPublicKey({ key: ed25519Spki(key), format: "der", type: "spki" });
  if (!verify(null, statement, publicKey, read.signature)) {
    return refused("altered", "SHA256SUMS is not what the release key has signed");
  }
  const files = parseChecksums(sums);
  if (files === undefined) return refused("bad-sums", "SHA256SUMS is not a list of checksums");
  const named = createHash("sha256").update(`${version}\n`).digest("hex");
  if (files.get("VERSION") !== named || parseVersion(version) === undefined) {
    return refused("other-version", "its VERSION is not what SHA256SUMS says");
  }
  return { kind: "signed", version, sums: files };
}

function refused(fault: ReleaseFault, problem: string): JudgedRelease {
  return { kind: "refused", fault, problem };
}
