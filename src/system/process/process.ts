/**
 * Child processes: an argument array and a built environment, never a shell (T11, T12). A finished
 * process is data, never an exception.
 */
import { constants, openSync, readSync, writeSync } from "node:fs";
import { messageOf, systemCode } from "../../core/errors.ts";
import { neverStarted } from "../../core/start-failure.ts";
import { Deadline } from "../deadline.ts";
import { Capture, type Captured } from "./capture.ts";
import { startChild } from "./child-start.ts";
import { keepOwn } from "./orphans.ts";
import { closeAll, openPipes } from "./pipe.ts";
import { currentUser } from "./user.ts";

export interface ProcessRequest {
  /** What is executed, by its real path when it was judged before: a link may lead elsewhere since (T13). */
  readonly file: string;
  /** What the program sees as its own name, argv[0], if another one: a link's name may say what it is to do. */
  readonly calledAs?: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  /** Called when the process has left its standard input unread for this long; it may go on. */
  readonly inputStalled?: { readonly afterMs: number; report(): void };
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
  /** Of a start that failed: whether the program may have run for a moment all the same. */
  readonly mayHaveRun: boolean;
  readonly timedOut: boolean;
  readonly stdout: Captured;
  readonly stderr: Captured;
}

/** TERM, this long, then KILL. */
const TERM_GRACE_MS = 5_000;

/**
 * A background child may hold the streams open after the exit: they are let go when nothing came
 * for the first, or after the second in any case (T14).
 */
const DRAIN_QUIET_MS = 250;
const DRAIN_TOTAL_MS = 2_000;

const NOTHING: Captured = { chunks: [], dropped: 0 };

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
    child = startChild(() => start(request));
  } catch (thrown) {
    const cause = thrown instanceof MayHaveRun ? thrown.cause : thrown;
    return notStarted(systemCode(cause) || messageOf(cause), thrown instanceof MayHaveRun);
  }
  const stdout = new Capture(child.stdout, request.maxOutput);
  const stderr = new Capture(child.stderr, request.maxOutput);
  const stopFeeding = feed(child.stdin, request);
  const timedOut = await endsInTime(child.subprocess, request.timeoutMs);
  stopFeeding();
  await Promise.all(
    [stdout, stderr].map((stream) => stream.finish(DRAIN_QUIET_MS, DRAIN_TOTAL_MS)),
  );
  return {
    exit: child.subprocess.exitCode ?? undefined,
    signal: child.subprocess.signalCode === null ? undefined : String(child.subprocess.signalCode),
    startError: undefined,
    mayHaveRun: true,
    timedOut,
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
  const [input, output, errors, spare] = openPipes(4);
  if (!input || !output || !errors || !spare) throw new Error("pipe");
  const ours = { stdin: input.writeEnd, stdout: output.readEnd, stderr: errors.readEnd };
  // Bun.spawn opens a handle on the child that it has started already. Without a descriptor for that it
  // fails, and says so of a script that runs (T65).
  closeAll(spare.readEnd, spare.writeEnd);
  try {
    const subprocess = Bun.spawn([request.file, ...request.args], {
      // A Uint8Array here would leave a memfd with the secrets in it open.
      stdin: input.readEnd,
      stdout: output.writeEnd,
      stderr: errors.writeEnd,
      env: { ...request.env },
      argv0: request.calledAs ?? request.file,
      cwd: "/",
      detached: true,
    });
    keepOwn(subprocess);
    return { subprocess, ...ours };
  } catch (thrown) {
    closeAll(ours.stdin, ours.stdout, ours.stderr);
    throw isCertain(thrown) ? thrown : new MayHaveRun("spawn", { cause: thrown });
  } finally {
    closeAll(input.readEnd, output.writeEnd, errors.writeEnd);
  }
}

/** A start failed after which the program may have run. */
class MayHaveRun extends Error {}

/**
 * Bun.spawn may have started the program when it fails: it kills it then, and tells nobody which process that
 * was. The call that failed is named (posix_spawn, pidfd_open).
 */
function isCertain(thrown: unknown): boolean {
  const call = thrown instanceof Error && "syscall" in thrown ? thrown.syscall : undefined;
  return call === "posix_spawn" && neverStarted(systemCode(thrown));
}

/** @param startError, mayHaveRun as in the result */
export function notStarted(startError: string, mayHaveRun = false): ProcessResult {
  return {
    exit: undefined,
    signal: undefined,
    startError,
    mayHaveRun,
    timedOut: false,
    stdout: NOTHING,
    stderr: NOTHING,
  };
}

/** A pipe that is empty takes this much at once: no system's is smaller (PIPE_BUF, pipe(7)). */
const PIPE_BYTES = 4096;

/**
 * Writes the input and closes it. A process may close its end or leave without reading: its right.
 * Returns what is to be called at its end.
 */
function feed(stdin: number, request: ProcessRequest): () => void {
  if (Buffer.byteLength(request.input) > PIPE_BYTES) return feedSlowly(stdin, request);
  try {
    writeSync(stdin, request.input);
  } catch {
    // It has left already.
  }
  closeAll(stdin);
  return () => undefined;
}

/** The same for more than a pipe takes at once, which the process may leave unread. */
function feedSlowly(stdin: number, { input, inputStalled }: ProcessRequest): () => void {
  const sink = Bun.file(stdin).writer();
  const write = async () => sink.write(input);
  const end = async () => sink.end();
  let taken = false;
  const stalled = inputStalled && new Deadline(inputStalled.afterMs, () => inputStalled.report());
  // Not closed before the sink lets go: it would write what is left to whatever gets the number next.
  void Promise.allSettled([write(), end()]).then(() => {
    taken = true;
    stalled?.stop();
    closeAll(stdin);
  });
  return () => {
    stalled?.stop();
    void emptyPipe(stdin, () => taken);
  };
}

/**
 * The process has ended, but one that it left behind may hold the pipe and never read: reads what
 * is in it until the writer is rid of the rest (T14).
 */
async function emptyPipe(writeEnd: number, isDone: () => boolean): Promise<void> {
  // The writer may be about to notice by itself.
  await new Promise(setImmediate);
  if (isDone()) return;
  const readEnd = reopenToRead(writeEnd);
  if (readEnd === undefined) return;
  const waste = new Uint8Array(65_536);
  while (!isDone()) {
    try {
      readSync(readEnd, waste);
    } catch {
      // Empty at the moment.
    }
    await new Promise(setImmediate);
  }
  closeAll(readEnd);
}

function reopenToRead(writeEnd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${writeEnd}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    // No /proc: the pipe stays until the last process that holds it has ended.
    return undefined;
  }
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
  let kill: Deadline | undefined;
  const deadline = new Deadline(timeoutMs, () => {
    timedOut = true;
    signalGroup(child.pid, "SIGTERM");
    kill = new Deadline(TERM_GRACE_MS, () => signalGroup(child.pid, "SIGKILL"));
  });
  await child.exited;
  deadline.stop();
  kill?.stop();
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
