import { afterEach, expect, jest, test } from "bun:test";
import { Starts } from "../../../../src/agent/jobs/starts.ts";

afterEach(() => void jest.useRealTimers());

test("a start is waited for until it is known what has become of it", async () => {
  const starts = new Starts();
  expect(await starts.isStuck("a")).toBe(false);
  const done = starts.begin("a");
  let told: boolean | undefined;
  const asked = starts.isStuck("a").then((isStuck) => {
    told = isStuck;
  });
  await new Promise(setImmediate);
  expect(told).toBeUndefined();
  expect(await starts.isStuck("b")).toBe(false);
  done();
  await asked;
  expect([told, await starts.isStuck("a")]).toEqual([false, false]);
});

test("one that takes too long is stuck, as long as it is not known", async () => {
  jest.useFakeTimers();
  const starts = new Starts();
  const done = starts.begin("a");
  const asked = starts.isStuck("a");
  for (let second = 0; second < 20; second++) jest.advanceTimersByTime(1000);
  expect(await asked).toBe(true);
  done();
  expect(await starts.isStuck("a")).toBe(false);
});

test("an answer for which nobody waits changes nothing", () => {
  new Starts().answer("a", { kind: "started" });
});
