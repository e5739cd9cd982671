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
