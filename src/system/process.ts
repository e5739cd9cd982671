/**
 * Child processes: an argument array and a built environment, never a shell (T11, T12). A finished
 * process is data, never an exception.
 */
import { messageOf, systemCode } from "../core/errors.ts";
import { Capture, type Captured } from "./capture.ts";
import { closeAll, openPipes } from "./pipe.ts";
import { currentUser } from "./user.ts";

export interface ProcessRequest {
  readonly file: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  /** How long the process may leave its standard input unread. */
  readonly inputTimeoutMs: number;
  /** How long the process may run; undefined means as long as it likes. */
  readonly timeoutMs?: number;
  /** Bytes kept of each stream. */
  readonly maxOutput: number;
}

export interface ProcessResult {
  /** Exit code; undefined when a signal ended it or it never started. */
  readonly exit: number | undefined;
  readonly signal: string | undefined;
  /** Why it could not be started, as a system error code (EACCES, ENOENT, E2BIG, ...). */
  readonly startError: string | undefined;
  readonly timedOut: boolean;
  /** Bytes of input that it had not read when `inputTimeoutMs` was over or it ended. */
  readonly inputAbandoned: boolean;
  readonly stdout: Captured;
  readonly stderr: Captured;
}

/** TERM, this long, then KILL. */
const TERM_GRACE_MS = 5_000;

/** A background child may hold the streams open; this long after the exit they are let go (T14). */
const DRAIN_GRACE_MS = 250;

const NOTHING: Captured = { bytes: new Uint8Array(), dropped: 0 };

/** The environment every script and hook starts from. */
export function baseEnvironment(): Record<string, string> {
  const user = currentUser();
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: "/bin/sh",
    LANG: "C.UTF-8",
  };
}

/** Runs a program in a session of its own, so that its whole process group can be ended. */
export async function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  let child: Child;
  try {
    child = start(request);
  } catch (thrown) {
    return notStarted(systemCode(thrown) || messageOf(thrown));
  }
  const stdout = new Capture(child.stdout, request.maxOutput);
  const stderr = new Capture(child.stderr, request.maxOutput);
  const input = feed(child.stdin, request.input, request.inputTimeoutMs);
  const timedOut = await endsInTime(child.subprocess, request.timeoutMs);
  const inputAbandoned = await input.settle();
  await Promise.all([stdout.finish(DRAIN_GRACE_MS), stderr.finish(DRAIN_GRACE_MS)]);
  return {
    exit: child.subprocess.exitCode ?? undefined,
    signal: child.subprocess.signalCode === null ? undefined : String(child.subprocess.signalCode),
    startError: undefined,
    timedOut,
    inputAbandoned,
    stdout: stdout.captured(),
    stderr: stderr.captured(),
  };
}

interface Child {
  readonly subprocess: Bun.Subprocess;
  /** Descriptors of our ends of its pipes: whoever reads or writes one closes it. */
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

function start(request: ProcessRequest): Child {
  const [input, output, errors] = openPipes(3);
  if (input === undefined || output === undefined || errors === undefined) throw new Error("pipe");
  const ours = { stdin: input.writeEnd, stdout: output.readEnd, stderr: errors.readEnd };
  try {
    const subprocess = Bun.spawn([request.file, ...request.args], {
      // A Uint8Array here would leave a memfd with the secrets in it open (DESIGN, "Processes").
      stdin: input.readEnd,
      stdout: output.writeEnd,
      stderr: errors.writeEnd,
      env: { ...request.env },
      cwd: "/",
      detached: true,
    });
    return { subprocess, ...ours };
  } catch (thrown) {
    closeAll(ours.stdin, ours.stdout, ours.stderr);
    throw thrown;
  } finally {
    closeAll(input.readEnd, output.writeEnd, errors.writeEnd);
  }
}

function notStarted(startError: string): ProcessResult {
  return {
    exit: undefined,
    signal: undefined,
    startError,
    timedOut: false,
    inputAbandoned: false,
    stdout: NOTHING,
    stderr: NOTHING,
  };
}

interface Feeding {
  /** True when the input was not taken in time. */
  settle(): Promise<boolean>;
}

/** Writes the input and closes it; gives up after the timeout, or when the process has ended. */
function feed(stdin: number, input: string, timeoutMs: number): Feeding {
  let abandoned = false;
  const sink = Bun.file(stdin).writer();
  // Either may fail when the process closes its input or ends without reading it: its right.
  const write = async () => sink.write(input);
  const end = async () => sink.end();
  // Not closed before the sink lets go: it would write what is left to whatever gets the number next.
  const done = Promise.allSettled([write(), end()]).finally(() => closeAll(stdin));
  const timer = setTimeout(() => {
    abandoned = true;
  }, timeoutMs);
  const outcome = done.finally(() => clearTimeout(timer));
  return {
    settle: async () => {
      await Promise.race([outcome, Bun.sleep(0)]);
      clearTimeout(timer);
      return abandoned;
    },
  };
}

/** Waits for the end; at the deadline the whole group gets TERM, later KILL. Returns whether it came to that. */
async function endsInTime(
  child: { readonly pid: number; readonly exited: Promise<number> },
  timeoutMs: number | undefined,
): Promise<boolean> {
  if (timeoutMs === undefined) {
    await child.exited;
    return false;
  }
  let timedOut = false;
  let kill: ReturnType<typeof setTimeout> | undefined;
  const deadline = setTimeout(() => {
    timedOut = true;
    signalGroup(child.pid, "SIGTERM");
    kill = setTimeout(() => signalGroup(child.pid, "SIGKILL"), TERM_GRACE_MS);
  }, timeoutMs);
  await child.exited;
  clearTimeout(deadline);
  clearTimeout(kill);
  // What the program left running in its group ends with it.
  if (timedOut) signalGroup(child.pid, "SIGKILL");
  return timedOut;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}
