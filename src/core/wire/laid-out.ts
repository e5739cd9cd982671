/**
 * Fields as bytes, each preceded by its length in four bytes, so that no two lists of fields give the same bytes. What is
 * hashed or signed is laid out like this (docs/PROTOCOL.md, section 1).
 */
export function laidOut(fields: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(
    fields.flatMap((field) => {
      const bytes = Buffer.from(field);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
