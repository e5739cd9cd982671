/** Where the output of a script is shown: its stdout on ours, its stderr on ours. */
import type { OutputStream } from "../../core/run-event.ts";
import type { Io } from "../command/io.ts";
import { takesColours } from "./colour.ts";
import { TerminalFilter } from "./terminal-filter.ts";

export interface ScriptStream {
  write(content: string | Uint8Array): void;
  /** For a terminal (T74); everything else gets the bytes unchanged. */
  readonly filter: TerminalFilter | undefined;
}

/** Both streams of one script, each with a filter of its own. */
export type ScriptStreams = Readonly<Record<OutputStream, ScriptStream>>;

export function scriptStreams(io: Io): ScriptStreams {
  const stream = (write: ScriptStream["write"], isTerminal: boolean) => ({
    write,
    filter: isTerminal ? new TerminalFilter(takesColours(io)) : undefined,
  });
  return {
    stdout: stream(io.out, io.outIsTerminal),
    stderr: stream(io.scriptErr, io.errIsTerminal),
  };
}
