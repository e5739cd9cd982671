/**
 * Certificate serial numbers: read in every form of docs/PROTOCOL.md, section 4, and converted to one form, in
 * which they are compared.
 */
import { CtrlExecError } from "./errors.ts";
import { firstOf } from "./text.ts";

/**
 * Lower-case hex with an even number of digits, as OpenSSL prints whole octets: `02`, `0aff`. Everything
 * is compared, stored and sent in this form, because 0.8 compares the text with what OpenSSL prints
 * (docs/PROTOCOL.md, "How values are written").
 */
export type Serial = string;

/** Converts a certificate's own serial (hex digits, any case) to the common form. */
export function serialFromHex(hex: string): Serial {
  const digits = hex.replaceAll(":", "").toLowerCase().replace(/^0+/, "");
  return digits === "" ? "00" : digits.padStart(digits.length + (digits.length % 2), "0");
}

/** RFC 5280 section 4.1.2.2: at most 20 octets. */
const MAX_HEX_DIGITS = 40;

/**
 * Reads plain hex, colon-separated hex, `0x...`, `serial=...`, or a decimal integer.
 *
 * Digits alone may be decimal or hex: a list may have `3735928559` for deadbeef, and 0.8 stores `03` as hex.
 * `readSerials` returns both readings, so that a revocation never misses.
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
    const decimal = serialFromHex(BigInt(hex).toString(16));
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
  /** How many serials the lines name: digits alone have two readings, but count once. */
  readonly named: number;
  /** Numbers of the lines that are not a serial. It is not known whom they were meant to shut out. */
  readonly badLines: readonly number[];
}

/** A revocation list: one serial on each line; `#` begins a comment, also after a serial. */
export function parseRevocations(text: string): Revocations {
  const serials = new Set<Serial>();
  const named = new Set<Serial>();
  const badLines: number[] = [];
  for (const [index, rawLine] of text.split(/\r?\n/).entries()) {
    const [beforeComment = ""] = rawLine.split("#", 1);
    const line = beforeComment.trim();
    if (line === "") continue;
    const readings = readSerials(line);
    for (const serial of readings) serials.add(serial);
    const [first] = readings;
    if (first === undefined) badLines.push(index + 1);
    else named.add(first);
  }
  return { serials, named: named.size, badLines };
}

/**
 * @param file for the message
 * @throws CtrlExecError `config` for a line that is not a serial: an ignored revocation would mean trust
 */
export function requireRevocations(file: string, text: string): Revocations {
  const read = parseRevocations(text);
  if (read.badLines.length === 0) return read;
  throw new CtrlExecError("config", `Cannot use ${file}: ${badLinesProblem(read.badLines)}`, {
    hint: "One serial in hex on each line; # begins a comment.",
  });
}

const NAMED_LINES = 5;

/** `line 3 is not a serial`, `lines 3, 5 are not serials`. */
export function badLinesProblem(lines: readonly number[]): string {
  if (lines.length === 1) return `line ${lines[0]} is not a serial`;
  return `lines ${firstOf(lines.map(String), NAMED_LINES)} are not serials`;
}

/** Reads the one-line serial file that pairing writes; undefined if it has no hex serial. */
export function readSerialLine(text: string): Serial | undefined {
  const line = text.trim();
  return line.length <= MAX_HEX_DIGITS && /^[0-9a-f]+$/i.test(line)
    ? serialFromHex(line)
    : undefined;
}

/** The short form for tables: enough to tell two apart. */
export function shortSerial(serial: Serial): string {
  return serial.slice(0, 16);
}
