import { afterEach, beforeEach, expect, jest, spyOn, test } from "bun:test";
import { Collector, collecting, passedThrough } from "../../../src/system/memory.ts";
import { forgetCollections } from "../../support/forget-collections.ts";

const MIB = 2 ** 20;

let whole: ReturnType<typeof spyOn<typeof Bun, "gc">>;
beforeEach(() => {
  jest.useFakeTimers();
  whole = spyOn(Bun, "gc");
});
afterEach(() => {
  whole.mockRestore();
  jest.useRealTimers();
  forgetCollections();
});

test("what a large output leaves behind is collected once it is not needed, a small one's is not", () => {
  const small = new Collector();
  small.worked(5 * MIB);
  small.worked(3 * MIB);
  small.finished();
  expect(whole).toHaveBeenCalledTimes(0);
  const large = new Collector();
  for (let piece = 0; piece < 8; piece++) large.worked(MIB);
  large.worked(1);
  large.finished();
  expect(whole.mock.calls).toEqual([[true]]);
});

test("pieces come as they are, and are collected at the end if nobody needs them again", () => {
  const pieces = ["a", "x".repeat(9 * MIB), "b"];
  expect([...collecting(pieces)].map(({ length }) => length)).toEqual([1, 9 * MIB, 1]);
  expect(whole).toHaveBeenCalledTimes(0);
  expect([...collecting(pieces, true)]).toHaveLength(3);
  expect(whole).toHaveBeenCalledTimes(1);
});

test("what streams leave behind is collected every 16 MiB, and not all of the time", () => {
  forgetCollections();
  whole = spyOn(Bun, "gc");
  // A collection of a large heap takes its time; what others take of it meanwhile does not count.
  let used = 0;
  using _usage = spyOn(process, "cpuUsage").mockImplementation((before) => {
    return { user: used - (before?.user ?? 0), system: 0 };
  });
  whole.mockImplementation(() => {
    used += 100_000;
    jest.advanceTimersByTime(5_000);
  });
  passedThrough(8 * MIB);
  passedThrough(8 * MIB - 1);
  expect(whole).toHaveBeenCalledTimes(0);
  passedThrough(1);
  expect(whole).toHaveBeenCalledTimes(1);
  passedThrough(100 * MIB);
  jest.advanceTimersByTime(998);
  passedThrough(1);
  expect(whole).toHaveBeenCalledTimes(1);
  jest.advanceTimersByTime(3);
  passedThrough(1);
  expect(whole).toHaveBeenCalledTimes(2);
  jest.advanceTimersByTime(3_600_000);
  passedThrough(16 * MIB - 1);
  expect(whole).toHaveBeenCalledTimes(2);
});
