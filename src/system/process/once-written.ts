/** Programs whose file somebody has just written: the kernel executes none that is open for writing (execve(2)). */

/** An editor, a copy or an unpacked archive is done in this time; for longer ones nobody should wait. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 50;

/** What starting such a file fails with. */
export const BEING_WRITTEN = "ETXTBSY";

/**
 * Tries again for a second while the file is being written.
 *
 * @param attempt starts it; any but the first has to judge the file anew, which may be another one by then (T13)
 * @param isBeingWritten says so of what an attempt came to
 * @returns what the last attempt came to
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
