/**
 * Certificate serial numbers, in every spelling the manual accepts, compared as numbers: 0.8 stores
 * them with leading zeros, OpenSSL prints them in upper case.
 */

/** Lower-case hex without leading zeros: the one form everything compares and stores. */
export type Serial = string;

/** A certificate's own serial (hex digits, any case) in the common form. */
export function serialFromHex(hex: string): Serial {
  const stripped = hex.replaceAll(":", "").toLowerCase().replace(/^0+/, "");
  return stripped === "" ? "0" : stripped;
}

/** RFC 5280 section 4.1.2.2: at most 20 octets. */
const MAX_HEX_DIGITS = 40;

/**
 * Reads plain hex, colon-separated hex, `0x...`, `serial=...`, or a decimal integer.
 *
 * Digits alone may be either decimal or hex; the manual has `3735928559` as a decimal and 0.8
 * stores `03` as hex. `readSerials` returns both readings so that a revocation never misses.
 */
export function readSerials(text: string): Serial[] {
  const bare = text.trim().replace(/^serial=/i, "");
  const prefixed = /^0x([0-9a-f]+)$/i.exec(bare);
  const hex = prefixed?.[1] ?? bare;
  const isHex = /^[0-9a-f]+$/i.test(hex) || /^[0-9a-f]{1,2}(?::[0-9a-f]{1,2})+$/i.test(hex);
  if (!isHex || hex.length > 3 * MAX_HEX_DIGITS) return [];
  const readings = [serialFromHex(padOctets(hex))];
  const onlyDigits = prefixed === null && bare === text.trim() && /^[0-9]+$/.test(hex);
  if (onlyDigits) {
    const decimal = BigInt(hex).toString(16);
    if (!readings.includes(decimal)) readings.push(decimal);
  }
  return readings.filter((serial) => serial.length <= MAX_HEX_DIGITS);
}

/** `3:A:FF` means 03 0A FF. */
function padOctets(hex: string): string {
  if (!hex.includes(":")) return hex;
  return hex
    .split(":")
    .map((octet) => octet.padStart(2, "0"))
    .join("");
}

export interface Revocations {
  readonly serials: ReadonlySet<Serial>;
  /** Numbers of the lines that are not a serial: they revoke nothing, and somebody must be told. */
  readonly badLines: readonly number[];
}

/** A revocation list: one serial a line; a `#` begins a comment, after a serial too. */
export function parseRevocations(text: string): Revocations {
  const serials = new Set<Serial>();
  const badLines: number[] = [];
  for (const [index, rawLine] of text.split(/\r?\n/).entries()) {
    const [beforeComment = ""] = rawLine.split("#", 1);
    const line = beforeComment.trim();
    if (line === "") continue;
    const readings = readSerials(line);
    for (const serial of readings) serials.add(serial);
    if (readings.length === 0) badLines.push(index + 1);
  }
  return { serials, badLines };
}

/** Reads the one-line serial file that pairing writes; undefined when it holds no hex serial. */
export function readSerialLine(text: string): Serial | undefined {
  const line = text.trim();
  return /^[0-9a-f]{1,40}$/i.test(line) ? serialFromHex(line) : undefined;
}

/** How a table shows it: enough to tell two apart. */
export function shortSerial(serial: Serial): string {
  return serial.slice(0, 16);
}
