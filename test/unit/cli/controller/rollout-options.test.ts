/** How a rollout is typed, and what is said of one that cannot be meant. */
import { expect, test } from "bun:test";
import { rolloutChoice } from "../../../../src/cli/controller/rollout-options.ts";

const NONE = {
  ...{ batch: undefined, "max-failures": undefined, pause: undefined, confirm: false },
  ...{ "per-tag": undefined, check: undefined, resume: undefined, detach: false, async: false },
};

test.each([
  [{ batch: "1,200%" }, '--batch does not take "1,200%": 200% is not between 1% and 100%'],
  [
    { batch: "1", "max-failures": "101%" },
    '--max-failures does not take "101%": 101% is not between 1% and 100%',
  ],
  [{ batch: "1", check: "" }, '--check does not take "": a script has a name'],
  [{ batch: "1", pause: "soon" }, '--pause does not take "soon"'],
])("%j is refused, and it is said why", (options, message) => {
  const typed = () => rolloutChoice({ ...NONE, ...options }, true);
  expect(typed).toThrow(expect.objectContaining({ code: "usage", message }));
});

test("what is not given is left out", () => {
  expect(rolloutChoice({ ...NONE, batch: "2", check: "health" }, true)).toEqual({
    ...{ rollout: { batch: [{ hosts: 2 }], check: "health" }, confirm: false, resume: undefined },
  });
  expect(rolloutChoice(NONE, true)).toBeUndefined();
});
