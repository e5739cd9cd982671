import { expect, test } from "bun:test";
import { onceWritten } from "../../../../src/system/process/once-written.ts";

test("a file that is being written is tried again, judged again, until it is written", async () => {
  const tries: boolean[] = [];
  const began = performance.now();
  const outcome = await onceWritten(
    async (isFirst) => {
      tries.push(isFirst);
      return tries.length < 3 ? "being written" : "run";
    },
    (said) => said === "being written",
  );
  expect([outcome, tries]).toEqual(["run", [true, false, false]]);
  // Not as fast as it can: whoever writes it needs the processor too.
  expect(performance.now() - began).toBeGreaterThan(90);
});
