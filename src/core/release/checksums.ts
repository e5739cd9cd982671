/** `SHA256SUMS` of a release: a line for each of its files, `<64 hex digits>  <name>`. */

/** The release's files, by name, with their SHA-256 in lower-case hex. */
export type Checksums = ReadonlyMap<string, string>;

/** A release has about ten files. */
export const MAX_SUMS = 16_384;
const LINE = /^([0-9a-f]{64}) {2}([A-Za-z0-9][A-Za-z0-9._-]{0,127})$/;

/** Undefined if a line is anything else, if a name comes twice, or if there is no line. */
export function parseChecksums(text: string): Checksums | undefined {
  if (text.length > MAX_SUMS || !text.endsWith("\n")) return undefined;
  const sums = new Map<string, string>();
  for (const line of text.slice(0, -1).split("\n")) {
    const [, sum, name] = LINE.exec(line) ?? [];
    if (sum === undefined || name === undefined || sums.has(name)) return undefined;
    sums.set(name, sum);
  }
  return sums;
}
