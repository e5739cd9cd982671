/** Child processes, run to their end. A finished process is data, never an exception. */
import { Deadline } from "../deadline.ts";
import { Capture, type Captured } from "./capture.ts";
import { Drain } from "./drain.ts";
import { type NotStarted, type ProgramStart, startProgram } from "./start-program.ts";

export interface ProcessRequest extends ProgramStart {
  /** How long the process may run; undefined means no limit. */
  readonly timeoutMs?: number;
  /** Bytes kept of each stream. */
  readonly maxOutput: number;
}

export interface ProcessResult {
  /** Exit code; undefined when a signal ended it or it never started. */
  readonly exit: number | undefined;
  readonly signal: string | undefined;
  /** Why it could not be started: a system error code (EACCES, ENOENT, E2BIG, ...). */
  readonly startError: string | undefined;
  /** Whether the program may have run for a moment although its start failed. */
  readonly mayHaveRun: boolean;
  readonly timedOut: boolean;
  readonly stdout: Captured;
  readonly stderr: Captured;
}

/** TERM, this long, then KILL. */
export const TERM_GRACE_MS = 5_000;

const NOTHING: Captured = { chunks: [], dropped: 0 };

/** Runs a program in its own session, so that its whole process group can be ended. */
export async function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  const started = startProgram(request);
  if (started.kind === "not-started") return notStarted(started);
  const { subprocess } = started;
  const captures = {
    stdout: new Capture(request.maxOutput),
    stderr: new Capture(request.maxOutput),
  };
  const drains = [
    new Drain(started.stdout, (chunk) => captures.stdout.take(chunk)),
    new Drain(started.stderr, (chunk) => captures.stderr.take(chunk)),
  ];
  for (const drain of drains) void drain.begin();
  const timedOut = await endsInTime(subprocess, request.timeoutMs);
  started.stopFeeding();
  await Promise.all(drains.map((drain) => drain.finish()));
  return {
    exit: subprocess.exitCode ?? undefined,
    signal: signalOf(subprocess),
    startError: undefined,
    mayHaveRun: true,
    timedOut,
    stdout: captures.stdout.captured(),
    stderr: captures.stderr.captured(),
  };
}

/** The signal that ended it; undefined if none did. */
export function signalOf({ signalCode }: Bun.Subprocess): string | undefined {
  return signalCode === null ? undefined : String(signalCode);
}

export function notStarted({ code, mayHaveRun }: NotStarted): ProcessResult {
  return {
    exit: undefined,
    signal: undefined,
    startError: code,
    mayHaveRun,
    timedOut: false,
    stdout: NOTHING,
    stderr: NOTHING,
  };
}

/** Waits for the end; at the deadline the whole group gets TERM, later KILL. Returns whether that happened. */
async function endsInTime(
  child: { readonly pid: number; readonly exited: Promise<number> },
  timeoutMs: number | undefined,
): Promise<boolean> {
  if (timeoutMs === undefined) {
    await child.exited;
    return false;
  }
  let timedOut = false;
  let kill: Deadline | undefined;
  using _deadline = new Deadline(timeoutMs, () => {
    timedOut = true;
    signalGroup(child.pid, "SIGTERM");
    kill = new Deadline(TERM_GRACE_MS, () => signalGroup(child.pid, "SIGKILL"));
  });
  await child.exited;
  kill?.stop();
  // Whatever the program left running in its group ends with it.
  if (timedOut) signalGroup(child.pid, "SIGKILL");
  return timedOut;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is already gone.
  }
}
