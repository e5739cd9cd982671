/** Whoever starts a server by hand sees that it is up, and where. */
import type { Io } from "../command/io.ts";

/** On a terminal alone: a service manager is told in its own way, and the log has it. */
export function sayUp(io: Io, what: string): void {
  if (io.errIsTerminal) io.err(`${what}. Ctrl-C to stop.\n`);
}
