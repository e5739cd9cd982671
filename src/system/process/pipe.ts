/**
 * pipe(2), for the streams of a child. Bun's own "pipe" is a socket pair, and a socket cannot be opened
 * by name: `cat /dev/stdin` and `echo ... > /dev/stderr` in a script would fail with ENXIO.
 */
import { closeSync } from "node:fs";
import { libc } from "../libc.ts";

export interface Pipe {
  readonly readEnd: number;
  readonly writeEnd: number;
}

/**
 * Opens as many pipes as asked for, or none. Bun.spawn closes in the child whatever is not given to
 * it, so they need no close-on-exec flag, which pipe(2) cannot set.
 *
 * @throws Error with the code EMFILE: the only way that pipe(2) fails
 */
export function openPipes(count: number): Pipe[] {
  const pipes: Pipe[] = [];
  while (pipes.length < count) {
    const ends = new Int32Array(2);
    if (libc().pipe(ends) !== 0) {
      for (const { readEnd, writeEnd } of pipes) closeAll(readEnd, writeEnd);
      throw Object.assign(new Error("pipe: too many open files"), { code: "EMFILE" });
    }
    const [readEnd = -1, writeEnd = -1] = ends;
    pipes.push({ readEnd, writeEnd });
  }
  return pipes;
}

/** poll(2) */
const POLLIN = 1;

/** Whether a read returns at once: bytes have come, or no process can write any more. */
export function isReadable(descriptor: number): boolean {
  return libc().poll(new Int32Array([descriptor, POLLIN]), 1n, 0) > 0;
}

export function closeAll(...descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeSync(descriptor);
}
