/** The terminal and the environment, as a verb sees them. Nothing below the faces uses either. */
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import { forTerminal } from "../../core/text.ts";
import type { Outlet } from "../../system/log/outlet.ts";
import {
  drawStderr,
  flushStderr,
  offerStderr,
  roomOnStderr,
  writeStderr,
} from "../../system/log/stderr.ts";
import { openStdout } from "../../system/log/stdout.ts";

export interface Io {
  /** Data. Never blocks: a pager that does not read on must not make a host miss its deadline. */
  out(content: string | Uint8Array): void;
  /**
   * Notes and errors. Characters that a terminal would obey are made visible, wherever they came from (T74).
   * Never blocks either.
   */
  err(text: string): void;
  /** The same for notes without end: omitted while much is still unread. */
  note(text: string): void;
  /** A line on stderr's terminal that is drawn over the previous one; left out while much is still unread. */
  draw(line: string): void;
  /** A script's standard error, for ours: unchanged, so on a terminal it must be safe already (T74). */
  scriptErr(content: string | Uint8Array): void;
  /**
   * Waits while much is unread: for output without end, which would otherwise be held in memory.
   * @throws OutputClosed, or OutputLost on a full disk
   */
  room(): Promise<void>;
  /** Waits until everything is written. @throws OutputClosed, or OutputLost on a full disk */
  flush(): Promise<void>;
  /** From now on, the error for a lost output has this hint: what has happened nevertheless, and where to see it. */
  hintWhenLost(hint: string): void;
  readonly inIsTerminal: boolean;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  /** Columns of stderr's terminal. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The reader of our output has gone (`ctrl-exec run ... | head`). */
export class OutputClosed extends Error {}

/** Our output cannot be written (`ctrl-exec run ... > /full/disk`), so no more goes there. */
export class OutputLost extends CtrlExecError {}

export function openIo(): Io {
  const output = new Output();
  return {
    out: (content) => output.write(content),
    err: (text) => writeStderr(forTerminal(text)),
    scriptErr: writeStderr,
    note: (text) => offerStderr(forTerminal(text)),
    draw: drawStderr,
    room: () => output.room(),
    flush: () => output.flush(),
    hintWhenLost: (hint) => {
      output.hintWhenLost = hint;
    },
    get inIsTerminal() {
      return isTerminal(0);
    },
    get outIsTerminal() {
      return isTerminal(1);
    },
    get errIsTerminal() {
      return isTerminal(2);
    },
    get columns() {
      return terminalColumns();
    },
    env: process.env,
  };
}

/** For a terminal that does not report its width. */
const USUAL_COLUMNS = 80;

const terminals = new Map<number, boolean>();

/** node:tty costs 3 ms at start, so it is loaded only when needed; a fan-out asks several times for each host. */
function isTerminal(descriptor: number): boolean {
  const known = terminals.get(descriptor);
  if (known !== undefined) return known;
  const found = process.getBuiltinModule("node:tty").isatty(descriptor);
  terminals.set(descriptor, found);
  return found;
}

/** Read when a line is drawn: process.stderr costs time at start, and shells do not export COLUMNS. */
function terminalColumns(): number {
  return process.stderr.columns || USUAL_COLUMNS;
}

/** process.stdout would cost 11 ms at start. */
class Output {
  #opened: Outlet<Uint8Array> | undefined;
  hintWhenLost: string | undefined;

  get #outlet(): Outlet<Uint8Array> {
    this.#opened ??= openStdout();
    return this.#opened;
  }

  write(content: string | Uint8Array): void {
    if (this.#outlet.failure !== undefined) return;
    this.#outlet.write(typeof content === "string" ? Buffer.from(content, "utf8") : content);
  }

  async room(): Promise<void> {
    await Promise.all([this.#outlet.room(), roomOnStderr()]);
    await this.#checkFailure();
  }

  async flush(): Promise<void> {
    await Promise.all([this.#outlet.flush(), flushStderr()]);
    await this.#checkFailure();
  }

  async #checkFailure(): Promise<void> {
    const { failure } = this.#outlet;
    if (failure === undefined) return;
    if (systemCode(failure) === "EPIPE") throw new OutputClosed();
    // Loaded only on failure.
    const { fileProblem } = await import("../../system/files/files.ts");
    throw new OutputLost("storage", `Cannot write to standard output: ${fileProblem(failure)}`, {
      cause: failure,
      ...(this.hintWhenLost === undefined ? {} : { hint: this.hintWhenLost }),
    });
  }
}
