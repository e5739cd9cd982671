/** The ends of runs that nobody watched to the end. */
import { NO_EXIT, type RunEnding } from "../../core/run-event.ts";
import { startProblem } from "../../core/start-failure.ts";
import type { ProcessId } from "../../system/process/process-id.ts";
import { bootId } from "../../system/process/process-table.ts";
import type { NotStarted } from "../../system/process/start-program.ts";
import { EXIT_NOT_EXECUTED } from "../scripts/watched-script.ts";

export type EndHere = Pick<RunEnding, "state" | "exit"> & { readonly error: string };

/** @param path of the script */
export function notStarted(path: string, { code, mayHaveRun }: NotStarted): EndHere {
  const error = startProblem(path, code, mayHaveRun);
  return { state: mayHaveRun ? "lost" : "never-ran", exit: EXIT_NOT_EXECUTED, error };
}

/**
 * For a job whose shim has not written its end, and never will. @param started whether its script is known to have
 * started
 */
export function lost(shim: ProcessId | undefined, started: boolean): EndHere {
  return { state: "lost", exit: NO_EXIT, error: whyLost(shim, started) };
}

function whyLost(shim: ProcessId | undefined, started: boolean): string {
  if (shim !== undefined && shim.boot !== bootId()) return "this host went down while it ran";
  return started
    ? "ctrl-exec-shim, which watched it, was killed: it may still run"
    : "ctrl-exec-shim was killed, or the agent ended, as it was being started: it may have run";
}
