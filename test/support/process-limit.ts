/**
 * The limit of processes of a user (RLIMIT_NPROC), which root does not have: what is tested with it runs as
 * another user then.
 */
import { chownSync, lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { asUser } from "./binary.ts";

/** Who runs what meets the limit; undefined when the tests are not root's. */
export const LIMITED_USER = process.getuid?.() === 0 ? 65_534 : undefined;

/** Gives everything below the folder to that user. */
export function handOver(folder: string): void {
  if (LIMITED_USER === undefined) return;
  for (const name of ["", ...(readdirSync(folder, { recursive: true }) as string[])]) {
    const path = join(folder, name);
    if (!lstatSync(path).isSymbolicLink()) chownSync(path, LIMITED_USER, LIMITED_USER);
  }
}

/** From now on the process can start no other, and no thread. Its user has more than one already. */
export function useUpProcesses(pid: number): void {
  limitProcesses(pid, "1:");
}

export function freeProcesses(pid: number): void {
  limitProcesses(pid, "4096:");
}

function limitProcesses(pid: number, soft: string): void {
  const as = LIMITED_USER === undefined ? [] : asUser(LIMITED_USER);
  const command = [...as, "prlimit", `--pid=${pid}`, `--nproc=${soft}`];
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(stderr.toString());
}
