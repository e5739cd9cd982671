import { expect, test } from "bun:test";
import { RolloutHalt } from "../../../../src/controller/runs/rollout-halt.ts";
import type {
  RolloutWish,
  RolloutWishes,
} from "../../../../src/controller/store/ports/rollouts.ts";

const ANNE: RolloutWish = { by: "anne", since: "2026-01-02T03:04:05Z" };
const NOTHING: RolloutWishes = { pause: undefined, cancel: undefined };

function halted(wishes: RolloutWishes = NOTHING) {
  const cancels: string[] = [];
  const halt = new RolloutHalt({ wishes: async () => wishes }, (by) => cancels.push(by));
  return { halt, cancels };
}

test("the first reason is the one that is told, and nothing begins from then on", () => {
  const { halt } = halted();
  expect([halt.why, halt.signal.aborted]).toEqual([undefined, false]);
  halt.stop("two hosts failed");
  halt.stop("its check failed");
  expect([halt.why, halt.signal.aborted]).toEqual(["two hosts failed", true]);
});

test("whoever cancels it is named, and each look says so again", () => {
  const { halt, cancels } = halted();
  halt.hear({ pause: undefined, cancel: ANNE });
  halt.hear({ pause: undefined, cancel: ANNE });
  expect([halt.why, cancels]).toEqual(["it was cancelled by anne", ["anne", "anne"]]);
  const nameless = halted();
  nameless.halt.hear({ pause: undefined, cancel: { by: "", since: "" } });
  expect(nameless.halt.why).toBe("it was cancelled");
});

test("what others have asked for is heard when it is looked for", async () => {
  const { halt, cancels } = halted({ pause: undefined, cancel: ANNE });
  expect([halt.why, cancels]).toEqual([undefined, []]);
  await halt.look();
  expect([halt.why, cancels]).toEqual(["it was cancelled by anne", ["anne"]]);
});

test("a pause lasts until nobody wants it, however often that is looked for, and is told once", async () => {
  const { halt } = halted();
  const told: string[] = [];
  halt.hear({ pause: ANNE, cancel: undefined });
  const waiting = halt.whilePaused(({ by }) => told.push(by));
  for (let look = 0; look < 5; look++) {
    halt.hear({ pause: ANNE, cancel: undefined });
    await Promise.resolve();
  }
  expect(Bun.peek.status(waiting)).toBe("pending");
  halt.hear({ ...NOTHING, continued: { ...ANNE, by: "bob" } });
  expect([await waiting, told]).toEqual(["bob", ["anne"]]);
});

test("without a pause nothing is told, and nobody waits", async () => {
  const { halt } = halted();
  const told: string[] = [];
  expect([await halt.whilePaused(({ by }) => told.push(by)), told]).toEqual([undefined, []]);
});

test("what stops it ends a pause, and a question to a person", async () => {
  const { halt } = halted();
  halt.hear({ pause: ANNE, cancel: undefined });
  const waiting = halt.whilePaused(() => undefined);
  const never = Promise.withResolvers<boolean>().promise;
  const asked = halt.orStopped(never);
  halt.stop("ctrl-exec was stopped");
  expect([await waiting, await asked, await halt.orStopped(never)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("a person's answer is given on", async () => {
  const { halt } = halted();
  expect([
    await halt.orStopped(Promise.resolve(true)),
    await halt.orStopped(Promise.resolve(false)),
  ]).toEqual([true, false]);
});
