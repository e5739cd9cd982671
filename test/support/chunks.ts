import { ChunkWriter } from "../../src/core/wire/chunks.ts";

/** One chunk, in a buffer of its own. */
export function chunkOf(pieces: readonly Uint8Array[]): Buffer {
  return new ChunkWriter().chunkOf(pieces);
}
