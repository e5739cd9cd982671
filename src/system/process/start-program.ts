/**
 * Starts a program in its own session: an argument array and a built environment, never a shell (T11, T12). A
 * start that fails is data, never an exception.
 */
import { constants, openSync, readSync, writeSync } from "node:fs";
import { messageOf, systemCode } from "../../core/errors.ts";
import { neverStarted } from "../../core/start-failure.ts";
import { Deadline } from "../deadline.ts";
import { startChild } from "./child-start.ts";
import { keepOwn } from "./orphans.ts";
import { closeAll, openPipes } from "./pipe.ts";
import { currentUser } from "./user.ts";

export interface ProgramStart {
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
}

export interface StartedProgram {
  readonly kind: "started";
  readonly subprocess: Bun.Subprocess;
  /** Our ends of its pipes: the reader of each closes it. */
  readonly stdout: number;
  readonly stderr: number;
  /** To be called once it has ended: it may have left its input unread. */
  stopFeeding(): void;
}

export interface NotStarted {
  readonly kind: "not-started";
  /** Of the system (EACCES, ENOENT, E2BIG, ...), or what was thrown instead. */
  readonly code: string;
  /** Whether the program may have run for a moment although its start failed. */
  readonly mayHaveRun: boolean;
}

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

/** Its whole process group can be ended by its process id. */
export function startProgram(request: ProgramStart): StartedProgram | NotStarted {
  try {
    const { subprocess, stdin, stdout, stderr } = startChild(() => start(request));
    return { kind: "started", subprocess, stdout, stderr, stopFeeding: feed(stdin, request) };
  } catch (thrown) {
    const cause = thrown instanceof MayHaveRun ? thrown.cause : thrown;
    const code = systemCode(cause) || messageOf(cause);
    return { kind: "not-started", code, mayHaveRun: thrown instanceof MayHaveRun };
  }
}

interface Child {
  readonly subprocess: Bun.Subprocess;
  /** Descriptors of our ends of its pipes: the reader or writer of each closes it. */
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

function start(request: ProgramStart): Child {
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

/** An empty pipe takes this much at once on every system (PIPE_BUF, pipe(7)). */
const PIPE_BYTES = 4096;

/**
 * Writes the input and closes it. A process may close its end or leave without reading. Returns a function to
 * call when it ends.
 */
function feed(stdin: number, request: ProgramStart): () => void {
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
function feedSlowly(stdin: number, { input, inputStalled }: ProgramStart): () => void {
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
  return () => void emptyPipe(stdin, () => taken);
}

/**
 * The process has ended, but a child of it may hold the pipe and never read: reads from the pipe until the
 * writer has written the rest (T14).
 */
async function emptyPipe(writeEnd: number, isDone: () => boolean): Promise<void> {
  // The writer may be about to notice by itself.
  await new Promise(setImmediate);
  let readEnd: number | undefined;
  const waste = new Uint8Array(65_536);
  while (!isDone()) {
    readEnd ??= reopenToRead(writeEnd);
    if (readEnd === undefined) return;
    try {
      readSync(readEnd, waste);
    } catch {
      // Empty at the moment.
    }
    await new Promise(setImmediate);
  }
  if (readEnd !== undefined) closeAll(readEnd);
}

function reopenToRead(writeEnd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${writeEnd}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    // There is no /proc: the pipe stays until the last process that holds it has ended.
    return undefined;
  }
}
