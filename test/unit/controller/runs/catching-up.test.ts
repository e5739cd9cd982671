import { expect, test } from "bun:test";
import { CatchingUp } from "../../../../src/controller/runs/catching-up.ts";
import { until } from "../../../support/folder.ts";

function reader() {
  let caughtUp = 0;
  const reading = new CatchingUp(() => {
    caughtUp += 1;
  });
  return { reading, caughtUp: () => caughtUp };
}

test("silence is the end, but only while something is waited for, after the first answer", async () => {
  const { reading, caughtUp } = reader();
  await Bun.sleep(600);
  reading.heard(0);
  await Bun.sleep(600);
  expect(caughtUp()).toBe(0);
  reading.waiting();
  await until("it has caught up", () => caughtUp() === 1);
  reading.stop();
});

test.each([
  ["what is printed now", 1000, 1],
  ["what was there, on a slow connection", 20_000, 0],
])("%s", async (_, bytes, expected) => {
  const { reading, caughtUp } = reader();
  for (let n = 0; n < 12; n++) {
    reading.heard(bytes);
    reading.waiting();
    await Bun.sleep(100);
  }
  reading.stop();
  expect(caughtUp()).toBe(expected);
});

test("a reader that takes its time is not taken for a script that is slow", async () => {
  const { reading, caughtUp } = reader();
  for (let n = 0; n < 12; n++) {
    reading.heard(1000);
    await Bun.sleep(100);
    reading.waiting();
  }
  reading.stop();
  expect(caughtUp()).toBe(0);
});
