/** The descriptors of this process: its limit, and the share that is left for work. */
import { readFileSync } from "node:fs";
import { MIN_DESCRIPTORS, usableDescriptors } from "../../core/descriptor-shares.ts";
import { CtrlExecError, systemCode } from "../../core/errors.ts";
import { Pool } from "../../core/pool.ts";
import { libc } from "../libc.ts";

/** What every system allows, for when the limit cannot be read (macOS has no /proc). */
const UNKNOWN = 256;

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
  known = readLimits().soft;
  const limit = known;
  if (limit >= MIN_DESCRIPTORS) return;
  const what = limit === 0 ? "ulimit -n" : `ulimit -n ${limit}`;
  throw new CtrlExecError(
    "config",
    `Cannot start: ${what} is too few open files; it takes at least ${MIN_DESCRIPTORS}`,
    { hint: "Raise it: ulimit -n 1024 in a shell, or LimitNOFILE=1024 in the service's unit." },
  );
}

/** Both limits of getrlimit(2). */
interface Limits {
  readonly soft: number;
  readonly hard: number;
}

function readLimits(): Limits {
  let text: string;
  try {
    text = readFileSync("/proc/self/limits", "latin1");
  } catch (thrown) {
    // It already holds all that it may have, however many that is.
    const limit = systemCode(thrown) === "EMFILE" ? 0 : UNKNOWN;
    return { soft: limit, hard: limit };
  }
  const [, soft, hard] = /^Max open files +(\S+) +(\S+)/m.exec(text) ?? [];
  return { soft: readLimit(soft), hard: readLimit(hard) };
}

function readLimit(text: string | undefined): number {
  if (text === "unlimited") return Number.MAX_SAFE_INTEGER;
  return text === undefined ? UNKNOWN : Number(text);
}

/** The limits that this process was started with, if it has raised them. */
let atStart: Limits | undefined;

function raiseLimit(): number {
  const limits = readLimits();
  const { soft, hard } = limits;
  if (hard <= soft || !setLimits({ soft: hard, hard })) return soft;
  atStart = limits;
  return hard;
}

/** getrlimit(2), on Linux. */
const RLIMIT_NOFILE = 7;

function setLimits({ soft, hard }: Limits): boolean {
  const limits = new BigUint64Array([BigInt(soft), BigInt(hard)]);
  return libc().setrlimit(RLIMIT_NOFILE, limits) === 0;
}

/** Runs a step with the limit that this process was started with: a child started in it inherits that limit. */
export function withLimitAtStart<Result>(step: () => Result): Result {
  if (atStart === undefined) return step();
  setLimits(atStart);
  try {
    return step();
  } finally {
    setLimits({ soft: atStart.hard, hard: atStart.hard });
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
