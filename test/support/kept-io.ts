/** An Io that keeps what is written to it. */
import type { Io } from "../../src/cli/command/io.ts";
import { forTerminal } from "../../src/core/text.ts";

export class KeptIo {
  out = "";
  err = "";
  bytes = Buffer.alloc(0);
  readonly io: Io;

  constructor(terminal: Partial<Omit<Io, "out" | "err" | "draw" | "note" | "flush">> = {}) {
    this.io = {
      out: (content) => {
        this.bytes = Buffer.concat([this.bytes, Buffer.from(content as string)]);
        this.out = this.bytes.toString("utf8");
      },
      err: (text) => {
        this.err += forTerminal(text);
      },
      draw: (line) => {
        this.err += `\r\u001b[K${line}`;
      },
      note: (text) => {
        this.err += forTerminal(text);
      },
      scriptErr: (content) => {
        this.err += Buffer.from(content as string).toString("utf8");
      },
      room: async () => undefined,
      flush: async () => undefined,
      hintWhenLost: () => undefined,
      inIsTerminal: false,
      outIsTerminal: false,
      errIsTerminal: false,
      columns: 80,
      env: {},
      ...terminal,
    };
  }
}
