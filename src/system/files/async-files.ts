/** File access that does not block the event loop, for a server that must answer others in the meantime. */
import { constants } from "node:fs";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { collecting } from "../memory.ts";
import { fileError } from "./files.ts";
import { requirePlain } from "./plain-file.ts";
import { holdTemporary, temporaryFor } from "./temporary-file.ts";

/**
 * Replaces a file in one step, as writeWhole does.
 *
 * @param pieces the content in order; each is released once it is written
 * @param durable false skips both fsyncs: after a power cut the file may be the old one or missing
 * @throws CtrlExecError `storage`; the old file is untouched (T22)
 */
export async function writeWholeAsync(
  path: string,
  pieces: Iterable<string>,
  mode: number,
  durable: boolean,
): Promise<void> {
  const temporary = temporaryFor(path);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      holdTemporary(file.fd);
      await file.chmod(mode);
      for (const piece of collecting(pieces)) await writeAll(file, piece);
      if (durable) await file.sync();
      await rename(temporary, path);
    } finally {
      await file.close();
    }
    if (durable) await syncFolder(dirname(path));
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw fileError("storage", "write", path, cause);
  }
}

async function writeAll(file: FileHandle, text: string): Promise<void> {
  let rest = Buffer.from(text, "utf8");
  while (rest.length > 0) rest = rest.subarray((await file.write(rest)).bytesWritten);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Overwrites the beginning of a file and truncates the rest, for a disk that has no room for a new file. A
 * crash at that moment leaves a mixture of both.
 *
 * @throws CtrlExecError `storage` when the text is longer than the file
 */
export async function overwriteAsync(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      const { size } = requirePlain(await file.stat());
      const bytes = Buffer.from(text, "utf8");
      if (bytes.length > size) throw new Error("it is shorter than what is to be written");
      await file.write(bytes, 0, bytes.length, 0);
      await file.truncate(bytes.length);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError("storage", "write", path, cause);
  }
}

/** A file from its beginning to its end. @throws CtrlExecError `storage` */
export async function* readChunks(path: string, size = 262_144): AsyncGenerator<Buffer> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      requirePlain(await file.stat());
      for (;;) {
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size);
        if (bytesRead === 0) return;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError("storage", "read", path, cause);
  }
}
