/**
 * A join token: one line that lets a host join without an operator (docs/PROTOCOL.md, section 1). It contains the CA
 * by which the agent recognises the control host before it sends it anything, the token's id, and the seed of the key
 * with which the agent signs. The control host keeps only the public half of that key.
 */
import { laidOut } from "./wire/laid-out.ts";

export interface JoinToken {
  /** `sha256:` and 64 lower-case hex digits. */
  readonly caFingerprint: string;
  /** 16 lower-case hex digits; not a secret. */
  readonly id: string;
  /** 32 bytes: the secret. */
  readonly seed: Uint8Array;
}

/** Limits of a token, whoever makes it. */
export const MAX_TOKEN_SECONDS = 366 * 86_400;
export const MAX_TOKEN_USES = 10_000;

const MARK = "cxj";
const VERSION = 1;
const SIZES = { ca: 32, id: 8, seed: 32, checksum: 8 };
const BODY = SIZES.ca + SIZES.id + SIZES.seed;
const WHOLE = BODY + SIZES.checksum;

/** The token as one line, without a line break. */
export function formatJoinToken({ caFingerprint, id, seed }: JoinToken): string {
  const ca = Buffer.from(caFingerprint.replace(/^sha256:/, ""), "hex");
  const body = Buffer.concat([ca, Buffer.from(id, "hex"), seed]);
  return `${MARK}${VERSION}_${Buffer.concat([body, checksum(body)]).toString("base64url")}`;
}

/** @returns why it cannot be used, without any of its content (T32) */
export function readJoinToken(text: string): JoinToken | string {
  const [, version, coded = ""] = /^cxj(\d{1,3})_([\w-]*)$/.exec(text.trim()) ?? [];
  if (version === undefined) return "it is not a join token";
  if (Number(version) !== VERSION) {
    return `it is a join token of version ${Number(version)}, which this version does not know`;
  }
  const bytes = Buffer.from(coded, "base64url");
  const length = Math.ceil((WHOLE * 4) / 3);
  if (coded.length !== length) {
    const how = coded.length < length ? "it was cut" : "something was added to it";
    return `${how}: it has ${coded.length} characters after the _ instead of ${length}`;
  }
  const body = bytes.subarray(0, BODY);
  // The last character has bits without meaning: they must be as written, or the token was altered.
  if (bytes.toString("base64url") !== coded || !checksum(body).equals(bytes.subarray(BODY))) {
    return "it was altered: its checksum does not match";
  }
  return {
    caFingerprint: `sha256:${body.subarray(0, SIZES.ca).toString("hex")}`,
    id: body.subarray(SIZES.ca, SIZES.ca + SIZES.id).toString("hex"),
    seed: new Uint8Array(body.subarray(SIZES.ca + SIZES.id)),
  };
}

export function isJoinTokenId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

/**
 * Against slips, not against attackers: a token that was cut or altered is refused before anything is dialled (T31).
 */
function checksum(body: Uint8Array): Buffer {
  return new Bun.CryptoHasher("sha256")
    .update(laidOut([`ctrl-exec pairing token ${VERSION}`, body]))
    .digest()
    .subarray(0, SIZES.checksum);
}
