/** The header `Range` with one range of bytes (RFC 9110, section 14). */

/** Positions of bytes, both inclusive. */
export type ByteRange =
  | { readonly first: number; readonly last: number }
  /** This many bytes, up to the end. */
  | { readonly suffix: number };

/** The part of an output that is sent. */
export interface Part {
  readonly first: number;
  /** The position after its last byte. */
  readonly end: number;
}

/**
 * Undefined if the whole is to be sent: there is no such header, or it has another unit or several ranges, or is
 * invalid.
 */
export function readRange(header: string | undefined): ByteRange | undefined {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? "");
  if (match === null) return undefined;
  const [, from = "", to = ""] = match;
  if (from === "") return to === "" ? undefined : { suffix: Number(to) };
  const range = { first: Number(from), last: to === "" ? Number.POSITIVE_INFINITY : Number(to) };
  return range.last < range.first ? undefined : range;
}

/** Undefined if no byte of the range exists. @param length of the whole */
export function partOf(range: ByteRange | undefined, length: number): Part | undefined {
  if (range === undefined) return { first: 0, end: length };
  if ("suffix" in range) {
    return range.suffix === 0
      ? undefined
      : { first: Math.max(0, length - range.suffix), end: length };
  }
  return range.first < length
    ? { first: range.first, end: Math.min(range.last + 1, length) }
    : undefined;
}
