/** The only exit: pick the program, run it, print its error, set the exit status. */
import { main } from "./cli/main.ts";
import type { Ending } from "./cli/signals.ts";
import { selectProgram } from "./multicall.ts";

// The environment of the caller must not change whom we trust (T03); the verdict of each
// connection is asked for explicitly as well.
delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
delete process.env.NODE_EXTRA_CA_CERTS;

const { program, args } = selectProgram(process.argv0, process.argv.slice(2));

if (process.pid === 1) {
  const { endOnSignals } = await import("./cli/first-process.ts");
  endOnSignals((status) => process.exit(status));
}

void main(program, args).then(finish);

function finish(ending: Ending): void {
  if (typeof ending === "number") process.exit(ending);
  process.removeAllListeners(ending);
  process.kill(process.pid, ending);
  // The first process of a container outlives a signal of its own.
  process.exit(128 + process.getBuiltinModule("node:os").constants.signals[ending]);
}
