/** A process that stands still for a while, as in a virtual machine that is suspended. */
import { readFileSync } from "node:fs";
import { until } from "./folder.ts";

/** proc_pid_stat(5): the state follows the name, which may hold anything. */
const stateOf = (pid: number) => /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, "latin1"))?.[1];

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
