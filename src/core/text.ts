/** Text that came from elsewhere, made safe to show or to carry. */

/**
 * The first and the last of the characters that a terminal may obey or be confused by: C0 without newline and tab, DEL
 * and C1, and the controls that end lines or reorder text.
 */
export const TERMINAL_CONTROLS = [
  [0x00, 0x08],
  [0x0b, 0x1f],
  [0x7f, 0x9f],
  [0x061c, 0x061c],
  [0x200e, 0x200f],
  [0x2028, 0x202e],
  [0x2066, 0x2069],
] as const;

const CONTROL = `[${TERMINAL_CONTROLS.map((range) => range.map(unicodeEscape).join("-")).join("")}]`;
const CONTROLS = new RegExp(CONTROL, "g");

/** SGR (ECMA-48, 8.3.117): colours and weights of letters, as many at once as anyone uses. */
const COLOUR = String.raw`\u001b\[[\d;:]{0,64}m`;

/**
 * What SGR sets, one after another: a colour by its number or its parts is one, and so 5 in it is no blinking.
 */
const SETTING = /(?:[345]8;(?:5;\d*|2;\d*;\d*;\d*))(?![^;])|[^;]+/g;

/** Blinking, and letters that cannot be seen, which would also hide what is shown after them. */
const HIDING = /^0*[568](?!\d)/;

const COLOURS_AND_CONTROLS = new RegExp(`${COLOUR}|${CONTROL}`, "g");

/**
 * Makes text from another host safe for an operator's terminal (T06, T29): controls become visible. A carriage
 * return before a newline is harmless, and is left out.
 */
export function forTerminal(text: string): string {
  return text.replace(CONTROLS, (control, at: number) => visible(control, text[at + 1]));
}

/** The same, but colours stay: the caller resets them after the text. */
export function forColourTerminal(text: string): string {
  return text.replace(COLOURS_AND_CONTROLS, (found, at: number) =>
    found.length > 1 ? withoutHiding(found) : visible(found, text[at + 1]),
  );
}

function withoutHiding(sequence: string): string {
  const settings = sequence.slice(2, -1);
  const hides = (setting: string) => HIDING.test(setting);
  const all: string[] = settings.match(SETTING) ?? [];
  if (!all.some(hides)) return sequence;
  const kept = all.filter((setting) => !hides(setting));
  return kept.length === 0 ? "" : `\u001b[${kept.join(";")}m`;
}

function visible(control: string, next: string | undefined): string {
  const code = control.charCodeAt(0);
  if (control === "\r" && next === "\n") return "";
  if (code < 0x20) return `^${String.fromCharCode(code + 0x40)}`;
  return `<U+${code.toString(16).toUpperCase().padStart(4, "0")}>`;
}

/** The same for text in one line, such as a table's cell: no newline or tab can forge another (T29). */
export function forOneLine(text: string): string {
  // True for most of the cells of ten thousand rows.
  if (isPrintableAscii(text)) return text;
  return forTerminal(text).replace(/[\n\t]+/g, " ");
}

/** Whether all of its characters take exactly one column on any screen. */
export function isPrintableAscii(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** Our own line with values from elsewhere: none of them can end it or draw over it (T74). */
export function screenLine(
  words: TemplateStringsArray,
  ...values: readonly (string | number)[]
): string {
  return String.raw({ raw: words.map(String) }, ...values.map((value) => forOneLine(`${value}`)));
}

/**
 * JSON that is safe on a terminal (T74): the same value, with everything escaped that a terminal obeys. C0 is
 * always escaped in JSON texts, and JSON has no such characters outside of them.
 */
export function jsonForScreen(json: string): string {
  return json.replace(CONTROLS, (char) => unicodeEscape(char.charCodeAt(0)));
}

function unicodeEscape(code: number): string {
  return `\\u${code.toString(16).padStart(4, "0")}`;
}

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lossyUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

export interface DecodedText {
  readonly text: string;
  /** False if the bytes were not UTF-8, so that `text` has lost some of them. */
  readonly exact: boolean;
}

export function decodeText(bytes: Uint8Array): DecodedText {
  try {
    return { text: strictUtf8.decode(bytes), exact: true };
  } catch {
    return { text: lossyUtf8.decode(bytes), exact: false };
  }
}

/** How many bytes at the end may be the beginning of a character of UTF-8: none to three. */
export function cutCharacter(bytes: Uint8Array): number {
  for (let length = 1; length <= 3; length++) {
    const byte = bytes.at(-length) ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return length < lengthOf(byte) ? length : 0;
  }
  return 0;
}

/** The length of a character that begins with the byte; 0 if none does. */
function lengthOf(byte: number): number {
  if (byte > 0xf4) return 0;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}

const PIECE_LENGTH = 65_536;

/** The text in pieces of at most 64 Ki characters, cut after a newline if there is one. */
export function* inPieces(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const piece = text.slice(start, start + PIECE_LENGTH);
    const last = start + piece.length === text.length;
    const length = last ? piece.length : cutBehind(piece);
    yield piece.slice(0, length);
    start += length;
  }
}

/** Where to cut a piece that is not the last. */
function cutBehind(piece: string): number {
  const newline = piece.lastIndexOf("\n");
  if (newline >= 0) return newline + 1;
  // Keeps a pair of surrogates, and a carriage return and its newline, together.
  return /[\ud800-\udbff\r]$/.test(piece) ? piece.length - 1 : piece.length;
}

const MAX_TYPED = 64;

/**
 * The candidate closest to what was typed, if it is close enough to be a typing error.
 *
 * @param changes most characters that may differ
 */
export function nearestMatch(
  typed: string,
  candidates: readonly string[],
  changes = Math.max(2, Math.floor(typed.length / 3)),
): string | undefined {
  // Nothing this long is a typing error, and the comparison takes time in proportion to the product of both
  // lengths.
  if (typed.length > MAX_TYPED) return undefined;
  let best: string | undefined;
  // Never as many changes as there are characters: then nothing typed would be left.
  let bestDistance = Math.min(typed.length, changes + 1);
  // `db-7` is `db-007`, however near `db-1` is.
  const number = withoutZeros(typed);
  const same = candidates.find((candidate) => withoutZeros(candidate) === number);
  if (same !== undefined && editDistance(typed, same) < bestDistance) return same;
  for (const candidate of candidates) {
    const begins = candidate.startsWith(typed) && typed.length > 2;
    // At least as many changes as the difference in length.
    if (!begins && Math.abs(candidate.length - typed.length) >= bestDistance) continue;
    const distance = begins ? 1 : editDistance(typed, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Numbers in it without the zeros before them. */
function withoutZeros(text: string): string {
  return text.replaceAll(/(?<!\d)0+(?=\d)/g, "");
}

/** Levenshtein distance, one row at a time; two neighbours that changed places are one change. */
function editDistance(a: string, b: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(substitution, swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

/**
 * The first of them within a sentence, and how many more there are: `a, b and 3 more`.
 *
 * @param count of all, if not all are given
 */
export function firstOf(names: readonly string[], most: number, count = names.length): string {
  const shown = names.slice(0, most);
  const more = count - shown.length;
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** `1 file`, `3 files`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
