/** Options that say how results are shown: what they mean together, and which cannot be together. */
import { expect, test } from "bun:test";
import { shownAs } from "../../../../src/cli/controller/shown-options.ts";

const NONE = { fold: false, "no-fold": false, diff: false, only: undefined, quiet: false };
const PLAIN = { fold: undefined, diff: false, quiet: false, onlyFailed: false };

test.each([
  [{}, PLAIN],
  [{ fold: true }, { ...PLAIN, fold: true }],
  [{ "no-fold": true }, { ...PLAIN, fold: false }],
  // A difference is between blocks that are folded.
  [{ diff: true }, { ...PLAIN, fold: true, diff: true }],
  [
    { fold: true, diff: true },
    { ...PLAIN, fold: true, diff: true },
  ],
  [
    { only: "failed", quiet: true },
    { ...PLAIN, onlyFailed: true, quiet: true },
  ],
  [
    { only: "failed", "no-live": true },
    { ...PLAIN, onlyFailed: true },
  ],
  [{ output: "results", json: true, quiet: false }, PLAIN],
  [{ "dry-run": true, json: true }, PLAIN],
  // As the run itself would be.
  [{ "dry-run": true, detach: true }, PLAIN],
] as const)("%j", (given, as) => {
  expect(shownAs({ ...NONE, ...given }, "run")).toEqual(as);
});

test.each([
  ["live", "no-live"],
  ["json", "json-stream"],
  ["detach", "async"],
  ["fold", "no-fold"],
  ["fold", "json"],
  ["fold", "live"],
  ["fold", "no-live"],
  ["diff", "quiet"],
  ["diff", "no-fold"],
  ["quiet", "json"],
  ["only", "json-stream"],
  ["quiet", "detach"],
  ["output", "detach"],
  ["dry-run", "quiet"],
  ["dry-run", "output"],
  ["dry-run", "json-stream"],
])("--%s and --%s cannot be together", (one, other) => {
  const given = { ...NONE, [one]: true, [other]: true };
  const message = `--${one} and --${other} cannot be used together`;
  expect(() => shownAs(given, "run")).toThrow(
    expect.objectContaining({ code: "usage", message, hint: "See: ctrl-exec run --help" }),
  );
});

test("--only takes one word", () => {
  expect(() => shownAs({ ...NONE, only: "ok" }, "wait")).toThrow(
    expect.objectContaining({ code: "usage", message: '--only takes failed, not "ok"' }),
  );
});
