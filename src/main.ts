/** The only exit: pick the program, run it, print its error, set the exit status. */

import type { Ending, StopSignal } from "./cli/command/signals.ts";
import { endOnSignals } from "./cli/first-process.ts";
import { main } from "./cli/main.ts";
import { selectProgram } from "./multicall.ts";

// The environment of the caller must not change whom we trust (T03); the verdict of each
// connection is asked for explicitly as well.
delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
delete process.env.NODE_EXTRA_CA_CERTS;

const { program, args } = selectProgram(process.argv0, process.argv.slice(2));

if (process.pid === 1) endOnSignals(exitAs);

void main(program, args).then(finish);

function finish(ending: Ending): void {
  if (typeof ending === "number") process.exit(ending);
  process.removeAllListeners(ending);
  process.kill(process.pid, ending);
  // The first process of a container outlives a signal of its own.
  exitAs(ending);
}

/** With the status that a shell reports for a program which the signal ended. */
function exitAs(signal: StopSignal): void {
  process.exit(128 + process.getBuiltinModule("node:os").constants.signals[signal]);
}
