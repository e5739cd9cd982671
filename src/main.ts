/** The only exit: pick the program, run it, print its error, set the exit status. */

import type { Ending, StopSignal } from "./cli/command/stop-signals.ts";
import { endOnSignals } from "./cli/first-process.ts";
import { main } from "./cli/main.ts";
import { selectProgram } from "./multicall.ts";

// The caller's environment must not change whom we trust (T03). Each connection also asks for its verdict
// explicitly.
delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
delete process.env.NODE_EXTRA_CA_CERTS;

const { program, args } = selectProgram(process.argv0, process.argv.slice(2));

if (process.pid === 1) endOnSignals(exitAs);

void main(program, args).then(finish);

function finish(ending: Ending): void {
  if (typeof ending === "number") process.exit(ending);
  process.removeAllListeners(ending);
  process.kill(process.pid, ending);
  // A signal that the first process of a container sends itself does not end it.
  exitAs(ending);
}

/** Exits with the status that a shell reports for a program that the signal ended. */
function exitAs(signal: StopSignal): void {
  process.exit(128 + process.getBuiltinModule("node:os").constants.signals[signal]);
}
