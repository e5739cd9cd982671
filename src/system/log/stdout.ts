/**
 * Standard output. If it is the terminal or the pipe that standard error is, both have one queue: what is written
 * later is read later, and no line of one begins within a line of the other, however slowly they are read.
 */
import { fstatSync } from "node:fs";
import { Outlet } from "./outlet.ts";
import { readyWriteTo, requireGiven } from "./ready-write.ts";
import { stderrOutlet } from "./stderr.ts";

/** Called at the first write: few starts need it. */
export function openStdout(): Outlet<Uint8Array> {
  if (isStderrToo()) return stderrOutlet;
  return new Outlet(() => {
    requireGiven(1);
    return readyWriteTo(1);
  });
}

/**
 * A file is not meant: it may be full for one of them, and take a shorter write of the other. Nor is a socket: a
 * service gets one for both from its manager, and does not end because nobody reads its log.
 */
function isStderrToo(): boolean {
  const [out, err] = [statsOf(1), statsOf(2)];
  if (out === undefined || err === undefined) return false;
  if (out.isCharacterDevice()) {
    // Not /dev/null: node:tty costs 3 ms at start, which only a terminal is worth.
    return out.rdev === err.rdev && process.getBuiltinModule("node:tty").isatty(1);
  }
  return out.isFIFO() && out.dev === err.dev && out.ino === err.ino;
}

function statsOf(descriptor: number) {
  try {
    return fstatSync(descriptor);
  } catch {
    // It is closed.
    return undefined;
  }
}
