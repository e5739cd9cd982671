/** Work on many items without keeping others waiting. */

/** Between two turns of the event loop. */
const SLICE_MS = 2;

/**
 * Works on each item, in order, and lets the event loop turn every few milliseconds.
 *
 * @param work nothing if taking the items is the work
 */
export async function inSlices<Item>(
  items: Iterable<Item>,
  work: (item: Item) => void = () => undefined,
): Promise<void> {
  let sliceEnd = performance.now() + SLICE_MS;
  for (const item of items) {
    if (performance.now() >= sliceEnd) {
      await new Promise(setImmediate);
      sliceEnd = performance.now() + SLICE_MS;
    }
    work(item);
  }
}
