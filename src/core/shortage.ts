/** What a host can run out of, in plain words (T65). */

export interface Shortage {
  readonly problem: string;
  /** What its administrator can do. */
  readonly remedy: string;
}

/** By the system's error code (errno(3)) from a call that starts or opens something. */
const SHORTAGES: Readonly<Record<string, Shortage>> = {
  EAGAIN: {
    problem: "the limit of processes is reached",
    remedy: "wait until some have ended, or raise it (ulimit -u, LimitNPROC, TasksMax)",
  },
  ENOMEM: { problem: "no memory is left", remedy: "wait until some is free, or add some" },
  EMFILE: {
    problem: "this program has too many files open",
    remedy: "wait until some are closed, or raise the limit (ulimit -n, LimitNOFILE)",
  },
  ENFILE: {
    problem: "this host has too many files open",
    remedy: "close some, or raise the limit (sysctl fs.file-max)",
  },
};

/** @returns undefined if the code means something else */
export function shortageOf(code: string): Shortage | undefined {
  return Object.hasOwn(SHORTAGES, code) ? SHORTAGES[code] : undefined;
}
