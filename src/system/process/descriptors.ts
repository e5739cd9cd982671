/** The descriptors of this process: its limit, and the share that is left for work. */
import { MIN_DESCRIPTORS, usableDescriptors } from "../../core/descriptor-shares.ts";
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import { Pool } from "../../core/pool.ts";
import { type ResourceLimit, readLimit, setLimit } from "./resource-limits.ts";

/** What every system allows, for when the limit cannot be read (macOS has no /proc). */
const UNKNOWN = { soft: 256n, hard: 256n };

let known: number | undefined;

/**
 * How many files this process may have open. A program that listens keeps to the soft RLIMIT_NOFILE it was
 * started with; a command takes everything that the hard limit allows, since it holds several files for each
 * host.
 */
export function descriptorLimit(): number {
  known ??= raiseLimit();
  return known;
}

/**
 * For a program that listens, before it opens anything: with too few, it would wait for one for ever (T65).
 *
 * @throws CtrlExecError `config`
 */
export function requireDescriptors(): void {
  const limit = asCount(readOpenFiles().soft);
  known = limit;
  if (limit >= MIN_DESCRIPTORS) return;
  const what = limit === 0 ? "ulimit -n" : `ulimit -n ${limit}`;
  throw new CtrlExecError(
    "config",
    `Cannot start: ${what} allows too few open files; it needs at least ${MIN_DESCRIPTORS}`,
    { hint: "Raise it: ulimit -n 1024 in a shell, or LimitNOFILE=1024 in the service's unit." },
  );
}

function readOpenFiles(): ResourceLimit {
  try {
    return readLimit("open files") ?? UNKNOWN;
  } catch (thrown) {
    // It already holds all that it may have, however many that is.
    return systemCode(thrown) === "EMFILE" ? { soft: 0n, hard: 0n } : UNKNOWN;
  }
}

function asCount(limit: bigint): number {
  return Math.min(Number(limit), Number.MAX_SAFE_INTEGER);
}

/** The limits that this process was started with, if it has raised them. */
let atStart: ResourceLimit | undefined;

function raiseLimit(): number {
  const limits = readOpenFiles();
  const { soft, hard } = limits;
  if (hard <= soft || !setLimit("open files", { soft: hard, hard })) return asCount(soft);
  atStart = limits;
  return asCount(hard);
}

/** Runs a step with the limit that this process was started with: a child started in it inherits that limit. */
export function withLimitAtStart<Result>(step: () => Result): Result {
  if (atStart === undefined) return step();
  setLimit("open files", atStart);
  try {
    return step();
  } finally {
    setLimit("open files", { soft: atStart.hard, hard: atStart.hard });
  }
}

let work: Pool | undefined;

/**
 * For outgoing connections and the locks of runs: all that a command has to spare. A program that listens makes
 * the pool smaller.
 */
export function workDescriptors(): Pool {
  work ??= new Pool(usableDescriptors(descriptorLimit()));
  return work;
}
