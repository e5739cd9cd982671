/** Appends lines to a file. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { fileError } from "./files.ts";
import { requirePlain } from "./plain-file.ts";

class CutShort extends Error {
  readonly code = "ENOSPC";
}

/** Appends a line that is on the disk when this returns. @throws CtrlExecError `storage` */
export function appendLine(path: string, line: string, mode: number): void {
  try {
    const { O_RDWR, O_CREAT, O_APPEND, O_NONBLOCK } = constants;
    const file = openSync(path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK, mode);
    const facts = fstatSync(file);
    const { size } = facts;
    try {
      requirePlain(facts);
      const bytes = Buffer.from(`${endsInLine(file, size) ? "" : "\n"}${line}\n`, "utf8");
      // A full disk may take part of the line, which would then swallow the next one.
      if (writeSync(file, bytes) < bytes.length) throw new CutShort();
      fsyncSync(file);
    } catch (thrown) {
      if (facts.isFile()) ftruncateSync(file, size);
      throw thrown;
    } finally {
      closeSync(file);
    }
  } catch (thrown) {
    throw fileError("storage", "write", path, thrown);
  }
}

/** False after part of a line, which a full disk or an editor may leave: appending would merge two lines. */
function endsInLine(file: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size === 0 || (readSync(file, last, 0, 1, size - 1) === 1 && last.toString() === "\n");
}
