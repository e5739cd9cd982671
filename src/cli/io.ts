/** The terminal and the environment, as a verb sees them. Nothing below the faces touches either. */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";
import { systemCode } from "../core/errors.ts";

export interface Io {
  /** Data. */
  out(content: string | Uint8Array): void;
  /** Everything else: progress, notes, errors. */
  err(text: string): void;
  readonly inIsTerminal: boolean;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Columns of the terminal behind stderr. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The reader of our output has gone (`ctrl-exec run ... | head`). */
export class OutputClosed extends Error {}

/** process.stdout would cost 11 ms at start. */
export function openIo(): Io {
  return {
    out: (content) => writeAll(1, content),
    err: (text) => {
      try {
        writeAll(2, text);
      } catch (thrown) {
        if (!(thrown instanceof OutputClosed)) throw thrown;
      }
    },
    inIsTerminal: isatty(0),
    outIsTerminal: isatty(1),
    errIsTerminal: isatty(2),
    columns: terminalColumns(),
    env: process.env,
  };
}

function terminalColumns(): number {
  const columns = Number(process.env.COLUMNS);
  return Number.isInteger(columns) && columns > 20 ? columns : 80;
}

function writeAll(descriptor: number, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += writeSync(descriptor, bytes, offset, bytes.length - offset);
    } catch (thrown) {
      if (systemCode(thrown) === "EAGAIN") Bun.sleepSync(1);
      else if (systemCode(thrown) === "EPIPE") throw new OutputClosed();
      else throw thrown;
    }
  }
}
