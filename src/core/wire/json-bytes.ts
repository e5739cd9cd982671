/**
 * Bytes as JSON, without making a string of them: the strings for the pieces of a long output, and the JSON of those,
 * took more memory than everything else that passes it on.
 */
import { jsonForScreen, TERMINAL_CONTROLS } from "../text.ts";
import { base64Length, writeBase64 } from "./base64.ts";

/** The most that a byte becomes: `\u0000`. */
const MAX_ESCAPE = 6;

/** The buffer in which each is made, and from which it is copied. */
let room = Buffer.alloc(0);

/**
 * The string between two other pieces of JSON, which must be safe on a terminal, as the result is (T74).
 *
 * @param text is UTF-8
 */
export function jsonText(before: string, text: Uint8Array, behind: string): Buffer {
  return between(`${before}"`, text.length * MAX_ESCAPE, (at) => writeText(text, at), `"${behind}`);
}

/** The same for the bytes in base64. */
export function jsonBase64(before: string, bytes: Uint8Array, behind: string): Buffer {
  const write = (at: number) => writeBase64(bytes, room, at);
  return between(`${before}"`, base64Length(bytes.length), write, `"${behind}`);
}

/** @param write writes into `room`, no more than `length`, and returns where it ends */
function between(
  before: string,
  length: number,
  write: (at: number) => number,
  behind: string,
): Buffer {
  const needed = Buffer.byteLength(before) + length + Buffer.byteLength(behind);
  if (room.length < needed) room = Buffer.alloc(needed);
  const at = write(room.write(before));
  return Buffer.from(room.subarray(0, at + room.write(behind, at)));
}

function writeText(text: Uint8Array, start: number): number {
  escapes ??= makeEscapes();
  const { lengths, texts } = escapes;
  const into = room;
  let at = start;
  for (let index = 0; index < text.length; index++) {
    const byte = text[index] ?? 0;
    const length = lengths[byte] ?? 0;
    const escaped = length === 0 ? undefined : texts[codeAt(text, index, length)];
    if (escaped === undefined) {
      // The beginning of a longer character, too: what is left of it stands for itself.
      into[at++] = byte;
      continue;
    }
    for (let each = 0; each < escaped.length; each++) into[at++] = escaped[each] ?? 0;
    index += length - 1;
  }
  return at;
}

/** The code of a character of this length in bytes, three at most. */
function codeAt(text: Uint8Array, index: number, length: number): number {
  const first = text[index] ?? 0;
  if (length === 1) return first;
  const second = (text[index + 1] ?? 0) & 0x3f;
  if (length === 2) return ((first & 0x1f) << 6) | second;
  return ((first & 0x0f) << 12) | (second << 6) | ((text[index + 2] ?? 0) & 0x3f);
}

interface Escapes {
  /**
   * By the first byte of a character: its length, if some characters that begin with it are escaped, or otherwise 0.
   */
  readonly lengths: Uint8Array;
  /** By a character's code: what is written for it, if it does not stand for itself. */
  readonly texts: readonly (Uint8Array | undefined)[];
}

/** Made when they are first needed, which few starts do. */
let escapes: Escapes | undefined;

function makeEscapes(): Escapes {
  const lengths = new Uint8Array(256);
  const texts: Uint8Array[] = [];
  // JSON itself escapes only in ASCII.
  for (const [first, last] of [[0, 0x7f], ...TERMINAL_CONTROLS]) {
    for (let code = first; code <= last; code++) {
      const character = String.fromCharCode(code);
      const escaped = jsonForScreen(JSON.stringify(character)).slice(1, -1);
      if (escaped === character) continue;
      const utf8 = Buffer.from(character);
      lengths[utf8[0] ?? 0] = utf8.length;
      texts[code] = Buffer.from(escaped);
    }
  }
  return { lengths, texts };
}
