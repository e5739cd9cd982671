/** A process that stands still for a while, as in a virtual machine that is suspended. */
import { until } from "./folder.ts";
import { stateOf } from "./processes.ts";

/** Stops the process, does the work meanwhile, and lets it go on `ms` later. */
export async function whileStopped(
  pid: number,
  ms: number,
  work: () => Promise<unknown>,
): Promise<void> {
  process.kill(pid, "SIGSTOP");
  try {
    await until("it stands still", () => stateOf(pid) === "T");
    await work();
    await Bun.sleep(ms);
  } finally {
    process.kill(pid, "SIGCONT");
  }
}
