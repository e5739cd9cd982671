import { expect, test } from "bun:test";
import { beforeEnd, end } from "../../../src/system/ending.ts";

test("what must be done before the end is done once, all of it at the same time", async () => {
  const done: string[] = [];
  const first = Promise.withResolvers<void>();
  beforeEnd(async () => {
    await first.promise;
    done.push("first");
  });
  beforeEnd(async () => {
    done.push("second");
    first.resolve();
  });
  await end();
  await end();
  expect(done).toEqual(["second", "first"]);
});
