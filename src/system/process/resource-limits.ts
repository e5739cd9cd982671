/** The limits of getrlimit(2) that this process has, on Linux. */
import { readFileSync } from "node:fs";
import { libc } from "../libc.ts";

/** The limits that are used here: the name in /proc/self/limits, and the number in getrlimit(2). */
const NUMBERS = {
  "cpu time": 0,
  "file size": 1,
  "data size": 2,
  "open files": 7,
  "address space": 9,
  "realtime timeout": 15,
} as const;

type LimitName = keyof typeof NUMBERS;

export interface ResourceLimit {
  readonly soft: bigint;
  readonly hard: bigint;
}

/** RLIM_INFINITY. */
export const UNLIMITED = 2n ** 64n - 1n;

/** Undefined if the kernel does not tell. @throws the system's error; macOS has no /proc */
export function readLimit(name: LimitName): ResourceLimit | undefined {
  return limitIn(readFileSync("/proc/self/limits", "latin1"), name);
}

/** @param text of /proc/PID/limits */
export function limitIn(text: string, name: LimitName): ResourceLimit | undefined {
  const [, soft, hard] = new RegExp(`^Max ${name} +(\\S+) +(\\S+)`, "m").exec(text) ?? [];
  if (soft === undefined || hard === undefined) return undefined;
  return { soft: toNumber(soft), hard: toNumber(hard) };
}

function toNumber(text: string): bigint {
  return text === "unlimited" ? UNLIMITED : BigInt(text);
}

/** Returns whether the system allows it. */
export function setLimit(name: LimitName, { soft, hard }: ResourceLimit): boolean {
  return libc().setrlimit(NUMBERS[name], new BigUint64Array([soft, hard])) === 0;
}
