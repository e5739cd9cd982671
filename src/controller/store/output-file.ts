/**
 * A long output, in a file beside its run's record: `runs/<reqid>.d/<n>.<stream>`, where `n` is the position of the
 * host in the run. It is read piece by piece, and never held.
 */
import { closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { OutputStream } from "../../core/run-event.ts";
import { cutCharacter } from "../../core/text.ts";
import { base64Of } from "../../core/wire/base64.ts";
import type { LongText } from "../../core/wire/json-pieces.ts";
import { fileError, moveOver } from "../../system/files/files.ts";
import { paths } from "./paths.ts";

/** How many bytes of an output the record itself has: all of a short one, the beginning of a long one. */
export const INLINE_BYTES = 65_536;

const PIECE_BYTES = 262_144;

export function outputFolder(config: ControllerConfig, reqid: string): string {
  return join(paths(config).runs, `${reqid}.d`);
}

/** Relative to the folder of the records, as they name it. */
export function outputName(reqid: string, host: number, stream: OutputStream): string {
  return `${reqid}.d/${host}.${stream}`;
}

export class OutputFile implements LongText {
  #path: string;
  /** How much of the file counts. */
  readonly bytes: number;

  constructor(path: string, bytes: number) {
    this.#path = path;
    this.bytes = bytes;
  }

  /** Replaces another file, unless it is already that file. @throws CtrlExecError `storage` */
  moveTo(path: string): void {
    moveOver(this.#path, path);
    this.#path = path;
  }

  /** @throws CtrlExecError `storage` while it is read, if the file is gone */
  *bytesFrom(offset: number): Generator<Buffer> {
    for (let at = offset; at < this.bytes; ) {
      const piece = this.#read(at, Math.min(PIECE_BYTES, this.bytes - at));
      at += piece.length;
      yield piece;
    }
  }

  *parts(): Generator<string> {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (const piece of this.bytesFrom(0)) yield decoder.decode(piece, { stream: true });
    yield decoder.decode();
  }

  base64(): LongText {
    const parts = () => base64Of(this.bytesFrom(0));
    return { bytes: Math.ceil(this.bytes / 3) * 4, parts };
  }

  /** The part that the record itself has: whole characters. */
  beginning(): OutputFile {
    const bytes = this.#read(0, Math.min(INLINE_BYTES, this.bytes));
    return new OutputFile(this.#path, bytes.length - cutCharacter(bytes));
  }

  /** Opened each time: a reader may stop at any moment, and nothing is left open. */
  #read(offset: number, length: number): Buffer {
    const buffer = Buffer.allocUnsafe(length);
    try {
      const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
      const file = openSync(this.#path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        const read = readSync(file, buffer, 0, length, offset);
        if (read === 0) throw new Error("it is shorter than it was");
        return buffer.subarray(0, read);
      } finally {
        closeSync(file);
      }
    } catch (thrown) {
      throw fileError("storage", "read", this.#path, thrown);
    }
  }
}

/** Bytes in the file; undefined if there is none. */
export function outputSize(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : undefined;
}
