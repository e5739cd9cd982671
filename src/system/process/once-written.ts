/**
 * Programs whose file is still being written: the kernel executes no file that is open for writing (execve(2)).
 */

/** An editor, a copy or an archive is done within this time; nobody should wait for longer ones. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 50;

/**
 * Tries again for a second while the file is being written.
 *
 * @param attempt starts it; every attempt after the first must judge the file again, which may be another one
 * by then (T13)
 * @param isBeingWritten whether an outcome says so
 * @returns the outcome of the last attempt
 */
export async function onceWritten<Outcome>(
  attempt: (isFirst: boolean) => Promise<Outcome>,
  isBeingWritten: (outcome: Outcome) => boolean,
): Promise<Outcome> {
  const deadline = performance.now() + PATIENCE_MS;
  for (let isFirst = true; ; isFirst = false) {
    const outcome = await attempt(isFirst);
    if (!isBeingWritten(outcome) || performance.now() >= deadline) return outcome;
    await Bun.sleep(PAUSE_MS);
  }
}
