/**
 * The name under which ps and pidof know this process, so that `kill -HUP $(pidof ctrl-exec-agent)` finds an
 * agent that was started as `ctrl-exec agent serve` too. pidof looks at the name the kernel keeps, or at the
 * first argument. Linux only; elsewhere, or if it is forbidden, the name stays as it was: it is for people and
 * scripts, and nothing here depends on it.
 */
import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";

/** @param name at most 15 bytes: the kernel keeps no more */
export function nameProcess(name: string): void {
  try {
    writeFileSync("/proc/self/comm", name);
    joinFirstArguments(name);
  } catch {
    // There is no /proc, or we may not write to it.
  }
}

/** Field 48 of /proc/self/stat (proc(5)), counted from the end of the name. */
const ARG_START = 48 - 3;

/** In the memory of the arguments, turns "ctrl-exec" NUL "agent" into "ctrl-exec-agent": one byte. */
function joinFirstArguments(name: string): void {
  const stat = readFileSync("/proc/self/stat", "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [first = ""] = readFileSync("/proc/self/cmdline", "latin1").split("\0");
  const at = name.lastIndexOf("-");
  const program = name.slice(0, at);
  if (first !== program && !first.endsWith(`/${program}`)) return;
  const position = Number(fields[ARG_START]) + first.length;
  const memory = openSync("/proc/self/mem", "r+");
  try {
    const behind = Buffer.alloc(name.length - at);
    readSync(memory, behind, 0, behind.length, position);
    if (behind.toString("latin1") !== `\0${name.slice(at + 1)}`) return;
    writeSync(memory, Buffer.from("-"), 0, 1, position);
  } finally {
    closeSync(memory);
  }
}
