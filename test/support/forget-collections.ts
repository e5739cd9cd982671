import { spyOn } from "bun:test";
import { passedThrough } from "../../src/system/memory.ts";

/**
 * When something was last collected is known to the process, and many files of tests share one: afterwards, the next
 * 16 MiB of streams are collected whatever others did: it is as if the last one had been at the beginning of time.
 */
export function forgetCollections(): void {
  const now = spyOn(performance, "now")
    .mockReturnValueOnce(Number.POSITIVE_INFINITY)
    .mockReturnValue(Number.NEGATIVE_INFINITY);
  const collect = spyOn(Bun, "gc").mockImplementation(() => undefined);
  passedThrough(Number.MAX_SAFE_INTEGER);
  collect.mockRestore();
  now.mockRestore();
}
