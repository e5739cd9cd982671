/** What happens between two turns of the event loop. */
import { spyOn } from "bun:test";

/**
 * Each look at the clock finds it a millisecond later, so that a busy machine changes nothing.
 *
 * @param done how much is done so far
 * @returns the turns of the event loop while the work went on, and the most that was done between two of them
 */
export async function betweenTurns(
  work: () => Promise<unknown>,
  done: () => number,
): Promise<{ readonly turns: number; readonly most: number }> {
  let clock = 0;
  const now = spyOn(performance, "now").mockImplementation(() => (clock += 1));
  let turns = 0;
  let most = 0;
  let before = done();
  let isOver = false;
  const look = () => {
    const after = done();
    most = Math.max(most, after - before);
    before = after;
    if (isOver) return;
    turns += 1;
    setImmediate(look);
  };
  setImmediate(look);
  try {
    await work();
    isOver = true;
    look();
    return { turns, most };
  } finally {
    isOver = true;
    now.mockRestore();
  }
}
