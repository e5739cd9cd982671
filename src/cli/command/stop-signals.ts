/** The signals that end a program. */
import { closeSync, openSync, readFileSync } from "node:fs";

/** From an operator at the keyboard, a supervisor, or a terminal that has gone. */
export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/**
 * How a program ends: with an exit status, or by the signal that stopped it. The difference matters: a shell goes on
 * with its loop after a status of 130, and leaves it after a SIGINT.
 */
export type Ending = number | StopSignal;

const signalled = Promise.withResolvers<void>();

/** Resolves at SIGINT or SIGTERM. The next one ends the process at once. */
export async function untilStopped(): Promise<void> {
  await firstSignal(["SIGINT", "SIGTERM"]);
}

/**
 * Resolves with the first of the signals that arrives, or with undefined if the work ends first. None of them ends
 * the process in the meantime; afterwards each does again. A signal that was ignored when the program was started
 * stays ignored.
 *
 * @param work undefined waits only for a signal; its failure is not reported here
 */
export async function firstSignal<Name extends StopSignal>(
  names: readonly Name[],
  work?: Promise<unknown>,
): Promise<Name | undefined> {
  const { promise, resolve } = Promise.withResolvers<Name | undefined>();
  const ignored = ignoredSignals();
  const heeded = names.filter((name) => !ignored.has(name));
  const listeners = heeded.map((name) => {
    const listener = () => {
      signalled.resolve();
      resolve(name);
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  work?.then(
    () => resolve(undefined),
    () => resolve(undefined),
  );
  const first = await promise;
  for (const [name, listener] of listeners) process.off(name, listener);
  return first;
}

/**
 * Resolves this long after one of these signals: whoever ends the program must not have to wait for a reader
 * (T66).
 */
export async function afterSignal(ms: number): Promise<void> {
  await signalled.promise;
  await Bun.sleep(ms);
}

/** From now on, SIGHUP does not end this process. */
export function outliveHangUps(): void {
  // A listener would hide that it was already ignored.
  if (!ignoredSignals().has("SIGHUP")) process.on("SIGHUP", () => undefined);
}

/** From now on, none of them ends this process. */
export function outliveStops(): void {
  for (const name of STOP_SIGNALS) process.on(name, () => undefined);
}

/** Resolves when the terminal that this program was started on has gone; never if there was none. */
export async function terminalGone(): Promise<"SIGHUP"> {
  const { promise, resolve } = Promise.withResolvers<"SIGHUP">();
  if (!ignoredSignals().has("SIGHUP") && hasTerminal()) {
    process.on("SIGHUP", () => {
      if (hasTerminal()) return;
      signalled.resolve();
      resolve("SIGHUP");
    });
  }
  return await promise;
}

/**
 * Whether the terminal that this program was started on has gone, and should end it. The end of its input may be
 * read before SIGHUP arrives.
 */
export function lostTerminal(): boolean {
  return !ignoredSignals().has("SIGHUP") && !hasTerminal();
}

/** Whether it has a controlling terminal: the kernel takes that away when it hangs up. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}

/**
 * The signals that nohup, and a shell for a background job, lets programs ignore: the bits of SIGHUP and SIGINT
 * in the kernel's masks (proc_pid_status(5)). SIGTERM is never ignored (T66).
 */
const MAY_STAY_IGNORED = { SIGHUP: 0b01, SIGINT: 0b10 } as const;

/** None if there is no /proc. */
function ignoredSignals(): ReadonlySet<StopSignal> {
  const lowestDigit = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(ownStatus())?.[1] ?? "0";
  const mask = Number.parseInt(lowestDigit, 16);
  const names = ["SIGHUP", "SIGINT"] as const;
  return new Set(names.filter((name) => mask & MAY_STAY_IGNORED[name]));
}

function ownStatus(): string {
  try {
    return readFileSync("/proc/self/status", "utf8");
  } catch {
    return "";
  }
}
