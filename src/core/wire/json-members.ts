/** What a JSON text would cost a parser, without parsing it. */

const QUOTE = 0x22;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Whether the objects of a JSON text together have more members than `most`. It reads each byte once, and
 * builds nothing: an object of 100,000 members costs a parser 0.2 s, and 60 of them at once would stop the
 * program before anybody is authorised (T61). If the text is not JSON, the result is meaningless.
 *
 * @param bytes UTF-8
 */
export function hasMoreMembers(bytes: Uint8Array, most: number): boolean {
  let members = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) inText = !inText;
    else if (byte === COLON && !inText) members += 1;
    if (members > most) return true;
  }
  return false;
}

/**
 * Whether lists and objects of a JSON text are nested more than `most` levels deep: a parser takes a second for a MiB
 * of `[` (T61). If the text is not JSON, false means that it costs no more than JSON.
 *
 * @param bytes UTF-8
 */
export function isDeeper(bytes: Uint8Array, most: number): boolean {
  let depth = 0;
  let inText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) inText = !inText;
    else if (inText) continue;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
    if (depth > most) return true;
  }
  return false;
}
