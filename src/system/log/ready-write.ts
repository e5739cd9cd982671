/**
 * Writes to a descriptor only as many bytes as it takes at once (T66). It may be a pipe that nobody reads, a
 * stopped terminal, or a journal that hangs. O_NONBLOCK is not set: the flag would also apply to the shell and
 * everybody else who shares the pipe or the terminal.
 */
import { constants, fstatSync, openSync, readFileSync, type Stats, writeSync } from "node:fs";
import { systemCode } from "../../core/errors.ts";
import type { Take } from "./outlet.ts";

/**
 * The room that poll(2) promises in a pipe, and that a stream socket has at least (pipe(7), unix(7)): bytes.
 */
const ROOM = 4096;
/** A terminal promises room for one byte. */
const ROOM_OF_TERMINAL = 1;

/**
 * The function that it returns throws an Error with a system code: EPIPE, ENOSPC, EIO.
 *
 * @throws Error with the code EBADF when it is closed
 */
export function readyWriteTo(descriptor: number): Take<Uint8Array> {
  const write = readyWrite(descriptor);
  return (bytes) => {
    let written = 0;
    for (let count = -1; written < bytes.length && count !== 0; written += count) {
      count = write(bytes.subarray(written));
    }
    return written === bytes.length ? undefined : bytes.subarray(written);
  };
}

/** /dev/null, on Linux. */
const NULL_DEVICE = 0x103;
/** In /proc/<pid>/fdinfo, octal. */
const CLOSES_ON_EXEC = 0o2000000;

/**
 * Where a standard descriptor was closed, the runtime has opened /dev/null, and nobody gets what is written. Unlike
 * one that was given to this process, that is closed on exec.
 *
 * @throws Error
 */
export function requireGiven(descriptor: number): void {
  if (fstatSync(descriptor).rdev !== NULL_DEVICE) return;
  const [, flags = "0"] = /^flags:\s*([0-7]+)$/m.exec(factsOf(descriptor)) ?? [];
  if ((Number.parseInt(flags, 8) & CLOSES_ON_EXEC) !== 0) throw new Error("it is closed");
}

function factsOf(descriptor: number): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
  } catch {
    return "";
  }
}

/** Returns how many bytes were taken at once: 0 when there is no room. */
type ReadyWrite = (bytes: Uint8Array) => number;

function readyWrite(descriptor: number): ReadyWrite {
  const stats = fstatSync(descriptor);
  if (!mayBlock(stats)) return (bytes) => writeSync(descriptor, bytes);
  const own = stats.isSocket() ? undefined : reopen(descriptor);
  if (own !== undefined) return (bytes) => writeNow(own, bytes);
  const room = stats.isCharacterDevice() ? ROOM_OF_TERMINAL : ROOM;
  const isReady = lazyPoll();
  return (bytes) =>
    isReady(descriptor) ? writeSync(descriptor, bytes, 0, Math.min(room, bytes.length)) : 0;
}

function mayBlock(stats: Stats): boolean {
  return stats.isFIFO() || stats.isSocket() || stats.isCharacterDevice();
}

/** Opens the same pipe or terminal again: flags of this descriptor affect nobody else. */
function reopen(descriptor: number): number | undefined {
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return openSync(`/proc/self/fd/${descriptor}`, flags);
  } catch {
    // There is no /proc, it is another user's, or its reader has gone.
    return undefined;
  }
}

function writeNow(descriptor: number, bytes: Uint8Array): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (thrown) {
    if (systemCode(thrown) === "EAGAIN") return 0;
    throw thrown;
  }
}

const POLLOUT = 4;

/**
 * Whether a write would not block. A descriptor that failed or hung up counts as ready: the write reports it.
 * Nothing is ready until the C library has loaded, which few starts need.
 */
function lazyPoll(): (descriptor: number) => boolean {
  let poll: ((request: Int32Array) => number) | undefined;
  void import("../libc.ts").then(({ libc }) => {
    poll = (request) => libc().poll(request, 1n, 0);
  });
  return (descriptor) => poll !== undefined && poll(new Int32Array([descriptor, POLLOUT])) > 0;
}
