/**
 * The limit of a user's processes (RLIMIT_NPROC), which does not apply to root: tests that run as root use
 * another user.
 */
import { chownSync, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { asUser } from "./binary.ts";

/** The user for programs that meet the limit; undefined if the tests do not run as root. */
export const LIMITED_USER = process.getuid?.() === 0 ? 65_534 : undefined;

/** Gives everything below the folder to that user. */
export function handOver(folder: string): void {
  if (LIMITED_USER === undefined) return;
  for (const name of ["", ...(readdirSync(folder, { recursive: true }) as string[])]) {
    const path = join(folder, name);
    if (!lstatSync(path).isSymbolicLink()) chownSync(path, LIMITED_USER, LIMITED_USER);
  }
}

/**
 * From now on the process and its children can start no other process and no thread, since their user already has more than one.
 */
export function useUpProcesses(pid: number): void {
  limitProcesses(pid, "1:");
}

export function freeProcesses(pid: number): void {
  limitProcesses(pid, "4096:");
}

function limitProcesses(pid: number, soft: string): void {
  const as = LIMITED_USER === undefined ? [] : asUser(LIMITED_USER);
  const limit = (of: number | string) =>
    Bun.spawnSync([...as, "prlimit", `--pid=${of}`, `--nproc=${soft}`]);
  const { exitCode, stderr } = limit(pid);
  if (exitCode !== 0) throw new Error(stderr.toString());
  // The shim of an agent; a script may have ended meanwhile.
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ");
  for (const child of children.filter(Boolean)) limit(child);
}
