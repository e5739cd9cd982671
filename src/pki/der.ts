/**
 * Reads DER one level at a time (X.690 sections 8.1 and 10.1). It never descends by itself, so depth costs
 * nothing, and it reads only what its caller asks for (T61).
 */

export interface DerValue {
  /** The identifier octet: class, form and number together. */
  readonly tag: number;
  readonly content: Buffer;
  /** Including tag and length, as signed. */
  readonly raw: Buffer;
}

export const SEQUENCE = 0x30;
export const SET = 0x31;
export const OBJECT_ID = 0x06;
export const BIT_STRING = 0x03;

/** Most values at one level: nothing that is read here has more. */
const MAX_VALUES = 16;

/** The values that fill these bytes; undefined if they are not DER, or too many. */
export function derValues(bytes: Buffer): DerValue[] | undefined {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const value = values.length < MAX_VALUES ? valueAt(bytes, at) : undefined;
    if (value === undefined) return undefined;
    values.push(value);
    at += value.raw.length;
  }
  return values;
}

/** The one value that fills these bytes; undefined if it has another tag, or does not fill them. */
export function soleDer(bytes: Buffer, tag: number): DerValue | undefined {
  const value = valueAt(bytes, 0);
  return value?.tag === tag && value.raw.length === bytes.length ? value : undefined;
}

function valueAt(bytes: Buffer, start: number): DerValue | undefined {
  const tag = bytes[start];
  const first = bytes[start + 1];
  // No certificate has tags of several octets, and no DER has indefinite lengths (0x80).
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const octets = first < 0x80 ? 0 : first - 0x80;
  const contentStart = start + 2 + octets;
  if (first === 0x80 || octets > 3 || contentStart > bytes.length) return undefined;
  const length = octets === 0 ? first : bytes.readUIntBE(start + 2, octets);
  const shortest = octets === 0 || length >= Math.max(0x80, 2 ** (8 * (octets - 1)));
  const end = contentStart + length;
  if (!shortest || end > bytes.length) return undefined;
  return { tag, content: bytes.subarray(contentStart, end), raw: bytes.subarray(start, end) };
}
