/** kill -9 at moments given by the victim's own writes, so that no timing has to be guessed. */
import { type FSWatcher, watch } from "node:fs";
import type { Running } from "./binary.ts";

/**
 * Starts a program, waits until it has ended, and meanwhile ends the victim with kill -9 at the n-th
 * change in one of the folders: a temporary file made, written, renamed. Returns whether there were
 * so many; the kill itself may come a little later than the change.
 */
export async function killAtChange(
  nth: number,
  folders: readonly string[],
  start: () => Running,
  victimOf: (started: Running) => Running = (started) => started,
): Promise<boolean> {
  let changes = 0;
  let victim: Running | undefined;
  const watchers: FSWatcher[] = folders.map((folder) =>
    watch(folder, () => {
      changes += 1;
      if (changes === nth) victim?.child.kill("SIGKILL");
    }),
  );
  const started = start();
  victim = victimOf(started);
  await started.ended();
  for (const watcher of watchers) watcher.close();
  return changes >= nth;
}
