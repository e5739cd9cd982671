/**
 * The parts of a certificate request that we use (RFC 2986 section 4.2). Its attributes, which could hold
 * anything, are not read, and do not reach a certificate.
 */
import { BIT_STRING, type DerValue, derValues, OBJECT_ID, SEQUENCE, SET, soleDer } from "./der.ts";

export interface CertificationRequest {
  /** The octets that the signature covers. */
  readonly signed: Buffer;
  /** Name, DER. */
  readonly subject: DerValue;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
  /** AlgorithmIdentifier of the signature, DER. */
  readonly algorithm: Buffer;
  readonly signature: Buffer;
}

const INTEGER_0 = Buffer.from("020100", "hex");

/** [0], constructed. */
const ATTRIBUTES = 0xa0;

/** Undefined if it is not a request in strict DER. */
export function readRequest(der: Buffer): CertificationRequest | undefined {
  const [info, algorithm, signature, ...tooMuch] = itemsOf(soleDer(der, SEQUENCE), SEQUENCE);
  const [version, subject, publicKey, attributes, ...more] = itemsOf(info, SEQUENCE);
  const bits = signature?.tag === BIT_STRING ? signature.content : Buffer.alloc(0);
  const complete = info && algorithm && version && subject && publicKey;
  if (!complete || tooMuch.length > 0 || more.length > 0) return undefined;
  if (!version.raw.equals(INTEGER_0)) return undefined;
  if ((attributes?.tag ?? ATTRIBUTES) !== ATTRIBUTES) return undefined;
  // The first octet counts the unused bits of the last one.
  if (bits[0] !== 0) return undefined;
  return {
    signed: info.raw,
    subject,
    publicKey: publicKey.raw,
    algorithm: algorithm.raw,
    signature: bits.subarray(1),
  };
}

/** How to verify each AlgorithmIdentifier (RFC 4055, RFC 5758, RFC 8410). */
export const SIGNATURES: readonly {
  readonly der: Buffer;
  readonly keyType: "rsa" | "ec" | "ed25519";
  /** Null if the algorithm has its own. */
  readonly hash: "sha256" | "sha384" | "sha512" | null;
}[] = [
  { der: hex("300d06092a864886f70d01010b0500"), keyType: "rsa", hash: "sha256" },
  { der: hex("300d06092a864886f70d01010c0500"), keyType: "rsa", hash: "sha384" },
  { der: hex("300d06092a864886f70d01010d0500"), keyType: "rsa", hash: "sha512" },
  { der: hex("300a06082a8648ce3d040302"), keyType: "ec", hash: "sha256" },
  { der: hex("300a06082a8648ce3d040303"), keyType: "ec", hash: "sha384" },
  { der: hex("300a06082a8648ce3d040304"), keyType: "ec", hash: "sha512" },
  { der: hex("300506032b6570"), keyType: "ed25519", hash: null },
];

/** id-at-commonName, 2.5.4.3. */
const COMMON_NAME = hex("0603550403");

/** UTF8String, PrintableString, TeletexString, IA5String: a host name has the same octets in each. */
const TEXT_TAGS = [0x0c, 0x13, 0x14, 0x16];

/** The text of a Name that is one common name and nothing else; undefined for any other. */
export function soleCommonName(name: DerValue): string | undefined {
  const [set, ...moreSets] = itemsOf(name, SEQUENCE);
  const [pair, ...morePairs] = itemsOf(set, SET);
  const [type, value, ...more] = itemsOf(pair, SEQUENCE);
  if (moreSets.length + morePairs.length + more.length > 0) return undefined;
  if (type?.tag !== OBJECT_ID || !type.raw.equals(COMMON_NAME)) return undefined;
  if (value === undefined || !TEXT_TAGS.includes(value.tag)) return undefined;
  return value.content.toString("latin1");
}

/** The items in a value of this tag; none if it has another tag, or is not DER. */
function itemsOf(value: DerValue | undefined, tag: number): readonly DerValue[] {
  return value?.tag === tag ? (derValues(value.content) ?? []) : [];
}

function hex(digits: string): Buffer {
  return Buffer.from(digits, "hex");
}
