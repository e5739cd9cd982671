/**
 * The first process of a container does not get signals that it does not handle (pid_namespaces(7)): without
 * this, neither Ctrl-C nor `docker stop` would end a command.
 */
import { STOP_SIGNALS, type StopSignal } from "./command/stop-signals.ts";

/** Does what the kernel does for any other process: a signal that nothing handles ends it. */
export function endOnSignals(end: (signal: StopSignal) => void): void {
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) end(signal);
    });
  }
}
