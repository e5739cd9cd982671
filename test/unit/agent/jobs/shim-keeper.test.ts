/** When the shim of an agent is started, and when it is let go. */
import { afterEach, expect, jest, test } from "bun:test";
import { ShimKeeper } from "../../../../src/agent/jobs/shim-keeper.ts";

afterEach(() => void jest.useRealTimers());

/** A process that says that it is ready, and ends when nobody has any more jobs for it: until then it may say more. */
const PROGRAM = {
  file: "/bin/sh",
  args: ["-c", `echo '{"kind":"ready"}'; exec cat 3>&1 >/dev/null`],
};

async function pass(ms: number): Promise<void> {
  jest.advanceTimersByTime(ms);
  // What has come is read before a limit counts.
  for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
}

test("a shim rests for a minute without jobs, and then it ends", async () => {
  const gone: (() => void)[] = [];
  const keeper = new ShimKeeper(PROGRAM, {
    told: () => undefined,
    gone: () => gone.shift()?.(),
  });
  const link = await keeper.open();
  let hasEnded = false;
  const ended = new Promise<void>((resolve) => gone.push(resolve)).then(() => {
    hasEnded = true;
  });
  jest.useFakeTimers();
  keeper.rest();
  await pass(59_900);
  // The next job has come.
  expect(await keeper.open()).toBe(link);
  await pass(120_000);
  expect(hasEnded).toBe(false);
  keeper.rest();
  await pass(60_100);
  jest.useRealTimers();
  await ended;
  const next = await keeper.open();
  expect(next).not.toBe(link);
  const end = new Promise<void>((resolve) => gone.push(resolve));
  keeper.close();
  await end;
});

test("a job that ends later begins the minute again, and nothing is waited for once it is closed", async () => {
  const ended = Promise.withResolvers<void>();
  const keeper = new ShimKeeper(PROGRAM, { told: () => undefined, gone: () => ended.resolve() });
  const link = await keeper.open();
  jest.useFakeTimers();
  keeper.rest();
  await pass(40_000);
  keeper.rest();
  expect(jest.getTimerCount()).toBe(1);
  await pass(40_000);
  expect(await keeper.open()).toBe(link);
  keeper.rest();
  keeper.close();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
  await ended.promise;
});
