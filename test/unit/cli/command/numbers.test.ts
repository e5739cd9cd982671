import { expect, test } from "bun:test";
import { durationOption, numberOption } from "../../../../src/cli/command/numbers.ts";

test("a number within its bounds", () => {
  expect(["1", "07", "9"].map((text) => numberOption("uses", text, 1, 9))).toEqual([1, 7, 9]);
  for (const text of ["0", "10", "-1", "1s", "", " 1"]) {
    expect(() => numberOption("uses", text, 1, 9)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: `--uses takes a whole number from 1 to 9, not "${text}"`,
      }),
    );
  }
});

test("a length of time within its bounds, in seconds or with a unit", () => {
  const seconds = (text: string) => durationOption("timeout", text, 1, 3600);
  expect(["1", "3600", "90s", "15m", "1h"].map(seconds)).toEqual([1, 3600, 90, 900, 3600]);
  for (const text of ["0", "0s", "3601", "2h", "1d", "soon", "", "-1s", "1.5h"]) {
    expect(() => seconds(text)).toThrow(
      expect.objectContaining({
        code: "usage",
        message: `--timeout takes 1 to 3600 seconds, or a time such as 90s, 15m, 2h or 7d, not "${text}"`,
      }),
    );
  }
});
