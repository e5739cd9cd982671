/** Base64 of bytes that come in chunks. */

/** Three bytes make four characters: left-over bytes wait for the next chunk. */
export function* base64Of(chunks: Iterable<Uint8Array>): Generator<string> {
  let over = Buffer.alloc(0);
  for (const chunk of chunks) {
    const bytes = Buffer.concat([over, chunk]);
    const whole = bytes.length - (bytes.length % 3);
    yield bytes.toString("base64", 0, whole);
    over = bytes.subarray(whole);
  }
  yield over.toString("base64");
}

/** The bytes of base64 text that may be cut anywhere. */
export function* bytesOf(parts: Iterable<string>): Generator<Buffer> {
  let over = "";
  for (const part of parts) {
    const text = over + part;
    const whole = text.length - (text.length % 4);
    yield Buffer.from(text.slice(0, whole), "base64");
    over = text.slice(whole);
  }
  yield Buffer.from(over, "base64");
}

const ALPHABET = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PADDING = 0x3d;

/** How many characters of base64 this many bytes become. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** Writes the base64 of all the bytes, without a string of it. Returns where it ends. */
export function writeBase64(bytes: Uint8Array, into: Uint8Array, start: number): number {
  let at = start;
  for (let index = 0; index < bytes.length; index += 3) {
    const first = bytes[index] ?? 0;
    const second = bytes[index + 1] ?? 0;
    const third = bytes[index + 2] ?? 0;
    into[at++] = ALPHABET[first >> 2] ?? 0;
    into[at++] = ALPHABET[((first & 0x03) << 4) | (second >> 4)] ?? 0;
    into[at++] = ALPHABET[((second & 0x0f) << 2) | (third >> 6)] ?? 0;
    into[at++] = ALPHABET[third & 0x3f] ?? 0;
  }
  const missing = (3 - (bytes.length % 3)) % 3;
  into.fill(PADDING, at - missing, at);
  return at;
}
