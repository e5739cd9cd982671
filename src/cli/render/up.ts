/** Shows a person who starts a server by hand that it is up, and where. */
import type { Io } from "../command/io.ts";

/** Only on a terminal: a service manager is told in its own way, and the log says it too. */
export function sayUp(io: Io, what: string): void {
  if (io.errIsTerminal) io.err(`${what}. Ctrl-C to stop.\n`);
}
