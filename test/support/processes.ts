/** What the kernel says of processes that may end at any moment, also while they are asked about (proc(5)). */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { systemCode } from "../../src/core/errors.ts";

/** What a look finds; undefined if the process, its thread or its descriptor has gone by then. */
function unlessGone<Found>(look: () => Found): Found | undefined {
  try {
    return look();
  } catch (thrown) {
    const code = systemCode(thrown);
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw thrown;
  }
}

/** A file of the process; undefined if it has gone. */
export function procText(pid: number, file: string): string | undefined {
  return unlessGone(() => readFileSync(`/proc/${pid}/${file}`, "latin1"));
}

/** The letter of its state; undefined if it has gone. The name before it may hold anything. */
export function stateOf(pid: number): string | undefined {
  return /\) (\S)/.exec(procText(pid, "stat") ?? "")?.[1];
}

/** It runs: it has neither gone, nor is it a zombie. */
export function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Process ids of its children: running, or zombies. */
export function childrenOf(pid: number): number[] {
  const threads = unlessGone(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  return threads
    .flatMap((id) => (procText(pid, `task/${id}/children`) ?? "").split(" "))
    .filter((child) => child !== "")
    .map(Number);
}

/** What its descriptors lead to. */
export function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const numbers = unlessGone(() => readdirSync(folder)) ?? [];
  return numbers.flatMap((number) => unlessGone(() => readlinkSync(`${folder}/${number}`)) ?? []);
}

/** The processes whose command line holds the text. */
export function processesOf(text: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => procText(pid, "cmdline")?.includes(text));
}

/**
 * Ends every process that has the folder in its command line. A script outlives an agent that a test has killed,
 * and may wait for a file that will never come.
 */
export function endAllOf(folder: string): void {
  const numbers = readdirSync("/proc").map(Number).filter(Number.isInteger);
  for (const pid of numbers) {
    if (!procText(pid, "cmdline")?.includes(folder)) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
