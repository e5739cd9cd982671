/** docs/SECURITY.md names every threat with its defence, and tests that carry its number. */
import { describe, expect, test } from "bun:test";
import { threatTests } from "../../.ci/generate/threat-tests.ts";
import { ROOT, readDocument } from "../support/documents.ts";

interface Row {
  readonly number: string;
  readonly threat: string;
  readonly defence: string;
  readonly files: readonly string[];
}

function rows(): Row[] {
  return readDocument("docs/SECURITY.md")
    .split("\n")
    .filter((line) => /^\| T\d\d \|/.test(line))
    .map((line) => {
      const [number = "", threat = "", defence = "", files = ""] = line
        .split("|")
        .slice(1)
        .map((cell) => cell.trim());
      return {
        number,
        threat,
        defence,
        files: [...files.matchAll(/`([^`]+)`/g)].map(([, f = ""]) => f),
      };
    });
}

/** `T03`, and so on. */
function numbers(first: number, last: number): string[] {
  const length = last - first + 1;
  return Array.from({ length }, (_, index) => `T${String(first + index).padStart(2, "0")}`);
}

test("the table has T01 to T36, T43, T44, T61 to T74, T76 to T78, each with a threat and a defence", () => {
  const table = rows();
  const expected = [...numbers(1, 36), ...numbers(43, 44), ...numbers(61, 74), ...numbers(76, 78)];
  expect(table.map(({ number }) => number)).toEqual(expected);
  for (const { number, threat, defence } of table) {
    expect(threat, number).not.toBe("");
    expect(defence, number).not.toBe("");
  }
});

describe("the tests that the table names", async () => {
  const carried = await threatTests(ROOT);
  test.each(rows().map((row) => [row.number, row] as const))("%s", (number, { files }) => {
    expect(files.length, "make generate fills the table").toBeGreaterThan(0);
    for (const file of files) expect(carried.get(number)).toContain(`test/${file}`);
  });
});
