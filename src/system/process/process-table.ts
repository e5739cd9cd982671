/** The processes of this host as /proc shows them (proc(5)). */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { systemCode } from "../../core/errors.ts";
import type { ProcessFacts } from "../../core/job-members.ts";
import { inSlices } from "../in-slices.ts";

/** Longer than any stat line, and than the limits of a process. */
const buffer = Buffer.alloc(4096);

/** It has ended, or it is hidden from other users (hidepid, proc(5)). */
const GONE: readonly string[] = ["ENOENT", "ESRCH", "EACCES", "EPERM"];

/**
 * A file of a process, in one read.
 *
 * @returns undefined when the process is gone
 * @throws the system's error when that is not known: no descriptor is free
 */
export function readOf(
  pid: number,
  file: "stat" | "status" | "limits" | "children",
): string | undefined {
  let descriptor: number | undefined;
  try {
    const path = file === "children" ? `task/${pid}/children` : file;
    descriptor = openSync(`/proc/${pid}/${path}`, "r");
    return buffer.toString("latin1", 0, readSync(descriptor, buffer));
  } catch (thrown) {
    if (GONE.includes(systemCode(thrown))) return undefined;
    throw thrown;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

interface Read extends ProcessFacts {
  /** It has ended, and its parent has not been notified yet. */
  readonly isZombie: boolean;
}

/** @returns undefined when there is none of that number */
export function readProcess(pid: number): Read | undefined {
  const stat = readOf(pid, "stat");
  if (stat === undefined) return undefined;
  // The name of a program may contain anything, including spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const number = (field: number) => Number(fields[field - 3]);
  // The first thread may end before the others: then the process goes on.
  const isZombie = fields[0] === "X" || (fields[0] === "Z" && number(20) <= 1);
  return { pid, parent: number(4), session: number(6), start: number(22), isZombie };
}

/** The same for a process that has not ended. */
export function readRunning(pid: number): ProcessFacts | undefined {
  const found = readProcess(pid);
  return found?.isZombie ? undefined : found;
}

/**
 * All running processes that were started at this time or later. Takes some 10 microseconds of processor time for
 * each process on the host, in slices.
 *
 * @param since clock ticks after boot
 * @param visit is given each process as soon as it was read, mostly the newest first, because it may end soon
 */
export async function readProcesses(
  since: number,
  visit: (process: ProcessFacts) => void,
): Promise<ProcessFacts[]> {
  const found: ProcessFacts[] = [];
  const names = readdirSync("/proc").filter((name) => /^\d/.test(name));
  await inSlices(names.reverse(), (name) => {
    const facts = readRunning(Number(name));
    if (facts === undefined || facts.start < since) return;
    found.push(facts);
    visit(facts);
  });
  return found;
}

let boot: string | undefined;

/**
 * Which boot of the host this is: a start time has no meaning in another one. Empty if that is hidden
 * (ProcSubset=pid): then number and start alone distinguish processes.
 */
export function bootId(): string {
  boot ??= readBootId();
  return boot;
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "";
  }
}
