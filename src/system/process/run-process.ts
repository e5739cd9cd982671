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
  /** What is executed: the real path that was judged, since a link may lead elsewhere by now (T13). */
  readonly file: string;
  /** What the program sees as argv[0], if not `file`: a link's name may tell it what to do. */
  readonly calledAs?: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly input: string;
  /** Called if the process leaves its standard input unread for this long; it may go on. */
  readonly inputStalled?: { readonly afterMs: number; report(): void };
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
const TERM_GRACE_MS = 5_000;

/**
 * A background child may hold the streams open after the exit: they are closed when nothing has come for the
 * first time, or after the second in any case (T14).
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

/** Runs a program in its own session, so that its whole process group can be ended. */
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
  /** Descriptors of our ends of its pipes: the reader or writer of each closes it. */
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

function start(request: ProcessRequest): Child {
  const [input, output, errors, spare] = openPipes(4);
  if (!input || !output || !errors || !spare) throw new Error("pipe");
  const ours = { stdin: input.writeEnd, stdout: output.readEnd, stderr: errors.readEnd };
  // Bun.spawn opens a handle on the child that it has already started. Without a descriptor for that it fails,
  // although the script is running (T65).
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

/** A start that failed, but after which the program may have run. */
class MayHaveRun extends Error {}

/**
 * When Bun.spawn fails, it may have started the program: it then kills it, and tells nobody which process that
 * was. The error names the call that failed (posix_spawn, pidfd_open).
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

/** An empty pipe takes this much at once on every system (PIPE_BUF, pipe(7)). */
const PIPE_BYTES = 4096;

/**
 * Writes the input and closes it. A process may close its end or leave without reading. Returns a function to
 * call when it ends.
 */
function feed(stdin: number, request: ProcessRequest): () => void {
  if (Buffer.byteLength(request.input) > PIPE_BYTES) return feedSlowly(stdin, request);
  try {
    writeSync(stdin, request.input);
  } catch {
    // It has already left.
  }
  closeAll(stdin);
  return () => undefined;
}

/** The same for more than a pipe takes at once; the process may leave it unread. */
function feedSlowly(stdin: number, { input, inputStalled }: ProcessRequest): () => void {
  const sink = Bun.file(stdin).writer();
  const write = async () => sink.write(input);
  const end = async () => sink.end();
  let taken = false;
  const stalled = inputStalled && new Deadline(inputStalled.afterMs, () => inputStalled.report());
  // Not closed before the sink is done: it would write the rest to whatever gets the descriptor's number next.
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
 * The process has ended, but a child of it may hold the pipe and never read: reads from the pipe until the
 * writer has written the rest (T14).
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
    // There is no /proc: the pipe stays until the last process that holds it has ended.
    return undefined;
  }
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
  const deadline = new Deadline(timeoutMs, () => {
    timedOut = true;
    signalGroup(child.pid, "SIGTERM");
    kill = new Deadline(TERM_GRACE_MS, () => signalGroup(child.pid, "SIGKILL"));
  });
  await child.exited;
  deadline.stop();
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
