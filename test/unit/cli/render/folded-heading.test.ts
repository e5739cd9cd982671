/** The header of hosts that share a block, on terminals of any width. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { foldedHeading } from "../../../../src/cli/render/folded-heading.ts";
import { expandNodeSet } from "../../../../src/core/hosts/node-set.ts";

const COLUMNS = ["OK", "exit:0", "12-90ms", "req:a1b2c3d4e5f60718"];
const SOME = Array.from({ length: 20 }, (_, index) => `web-${String(index + 1).padStart(2, "0")}`);
const MANY = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota"].flatMap(
  (word) => ["east", "west", "north"].map((side) => `${word}-${side}.example`),
);

describe("as it was for one host", () => {
  test.each([undefined, 80])("width %p", (width) => {
    expect(foldedHeading(["web-01"], COLUMNS, width, false)).toBe(
      "==> web-01  [OK  exit:0  12-90ms  req:a1b2c3d4e5f60718]\n",
    );
  });
});

describe("several", () => {
  test("folded names and how many they are", () => {
    expect(foldedHeading(SOME, COLUMNS, 80, false)).toBe(
      "==> web-[01-20] (20)  [OK  exit:0  12-90ms  req:a1b2c3d4e5f60718]\n",
    );
  });

  test("a narrow terminal loses the id and the time before a name", () => {
    expect(foldedHeading(SOME, COLUMNS, 50, false)).toBe(
      "==> web-[01-20] (20)  [OK  exit:0  12-90ms]\n",
    );
    expect(foldedHeading(SOME, COLUMNS, 40, false)).toBe("==> web-[01-20] (20)  [OK  exit:0]\n");
    const running = ["RUNNING", "since:2026-11-29T08:00:00Z", "req:a1b2c3d4e5f60718"];
    expect(foldedHeading(SOME, running, 40, false)).toBe("==> web-[01-20] (20)  [RUNNING]\n");
  });

  test("a pipe gets all of it in one line", () => {
    const line = foldedHeading(MANY, COLUMNS, undefined, true);
    expect(line).toStartWith("==> alpha-east.example,alpha-north.example,");
    expect(line).toEndWith("(27)  [OK  exit:0  12-90ms  req:a1b2c3d4e5f60718]\n");
    expect(line.match(/\n/g)).toHaveLength(1);
  });

  test("names that do not fit follow in lines of their own", () => {
    const [first, ...lines] = foldedHeading(MANY.slice(0, 6), COLUMNS, 80, false).split("\n");
    expect(first).toBe("==> alpha-east.example,alpha-north.example,... (6)  [OK  exit:0]");
    expect(lines).toEqual([
      "    HOSTS: alpha-east.example,alpha-north.example,alpha-west.example,",
      "    HOSTS: beta-east.example,beta-north.example,beta-west.example",
      "",
    ]);
  });

  test("where nothing failed, five lines are enough; of failures every name is shown", () => {
    const well = foldedHeading(MANY, COLUMNS, 60, false).trimEnd().split("\n");
    expect(well).toHaveLength(6);
    expect(well.at(-1)).toBe("    HOSTS: ... 27 in all");
    const failed = foldedHeading(MANY, ["FAIL", "exit:1"], 60, true);
    for (const name of MANY) expect(failed).toContain(name);
  });

  test("T29 a name draws no line of its own", () => {
    const heading = foldedHeading(["a\n==> b  [OK", "c\u001b[2J"], COLUMNS, 40, true);
    expect(heading.match(/^==>/gm)).toHaveLength(1);
    expect(heading).not.toContain("\u001b");
  });
});

test("whatever the names and the width, no line is longer, and of failures no name is lost", () => {
  const name = fc.stringMatching(/^[a-z]{1,12}(-[0-9]{1,3}){0,2}(\.[a-z]{1,20}){0,2}$/);
  const names = fc.uniqueArray(name, { minLength: 1, maxLength: 40 });
  const width = fc.integer({ min: 40, max: 120 });
  fc.assert(
    fc.property(names, width, (hosts, columns) => {
      const lines = foldedHeading(hosts, ["FAIL", "exit:1", "12ms"], columns, true)
        .trimEnd()
        .split("\n");
      for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
      const [first = "", ...more] = lines;
      const shown =
        more.length === 0
          ? (/^==> (\S+)/.exec(first)?.[1] ?? "")
          : more.map((line) => line.replace(/^ {4}HOSTS: /, "")).join("");
      const listed = shown.split(/,(?![^[]*\])/).flatMap((set) => expandNodeSet(set));
      expect(listed.toSorted()).toEqual(hosts.toSorted());
    }),
    { numRuns: 50 },
  );
});
