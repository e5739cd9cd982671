/**
 * How much may be open at once under the process's limit of descriptors. Bun's accept loop spins
 * when they are used up, so the door closes before that (T20).
 */

/** What the program itself holds, with room for the moment in which a process starts (8). */
const RESERVED = 24;

/** Three streams and the handle of the process. */
const PER_PROCESS = 4;

export interface Capacity {
  readonly connections: number;
  /** Scripts and hooks that may run at once. */
  readonly processes: number;
}

/** @param descriptors the process's limit (RLIMIT_NOFILE) */
export function capacity(descriptors: number, maxConnections: number): Capacity {
  const usable = Math.max(0, descriptors - RESERVED);
  const connections = Math.max(1, Math.min(maxConnections, Math.floor(usable / 2)));
  const processes = Math.max(1, Math.floor((usable - connections) / PER_PROCESS));
  return { connections, processes };
}
