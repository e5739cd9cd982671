/** The checksum of a file that is too long to be read in one piece. */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

const PIECE_BYTES = 1_048_576;

/**
 * SHA-256 of a file, in hex. Others are served in the meantime.
 *
 * @param flags for opening it besides O_RDONLY
 * @throws the system's error
 */
export async function fileHash(path: string, flags = 0): Promise<string> {
  const file = await open(path, constants.O_RDONLY | flags);
  try {
    const hash = new Bun.CryptoHasher("sha256");
    const piece = Buffer.alloc(PIECE_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(piece.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}
