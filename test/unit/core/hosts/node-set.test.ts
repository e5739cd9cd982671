/** Node sets: what they stand for, and what cannot be read. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { expandNodeSet, MAX_NODES, readNodeSet } from "../../../../src/core/hosts/node-set.ts";
import { judgedByClusterShell } from "../../../support/clustershell.ts";

describe("a node set stands for", () => {
  test.each([
    ["web-01", ["web-01"]],
    ["web-[01-03]", ["web-01", "web-02", "web-03"]],
    ["web-[01-02,25]", ["web-01", "web-02", "web-25"]],
    ["web-[9-11]", ["web-9", "web-10", "web-11"]],
    ["web-[0-1]", ["web-0", "web-1"]],
    ["n[1-9/4]x", ["n1x", "n5x", "n9x"]],
    ["rack[1-2]-n[01-02]", ["rack1-n01", "rack1-n02", "rack2-n01", "rack2-n02"]],
    ["[1-2][3-4]", ["13", "14", "23", "24"]],
    ["web-[1, 2]", ["web-1", "web-2"]],
    ["web-[1,1-2]", ["web-1", "web-2"]],
  ])("%s", (text, names) => {
    expect(expandNodeSet(text)).toEqual(names);
  });

  test("at most as many names as a fleet may have", () => {
    expect(expandNodeSet(`n[1-${MAX_NODES}]`)).toHaveLength(MAX_NODES);
  });
});

test("T76 no name is made before it is asked for: how many there are, and how long, is known", () => {
  expect(readNodeSet("n[1-9,08-10]-[1-2]")).toMatchObject({ count: 24, longest: "n10-2" });
  expect(readNodeSet("db")).toMatchObject({ count: 1, longest: "db" });
});

describe("what cannot be read is said", () => {
  test.each([
    ["web-[01-", "[ is not closed"],
    ["web-[[1]]", "[ is not closed"],
    ["web-01]", "] closes nothing"],
    ["web-[]", '"" is not a number such as 07, or numbers such as 01-20'],
    ["web-[a-c]", '"a-c" is not a number'],
    ["web-[1-]", '"1-" is not a number'],
    ["web-[3/2]", '"3/2" is not a number'],
    ["web-[1234567890]", '"1234567890" is not a number'],
    ["web-[01-003]", "in 01-003, one number has leading zeros"],
    ["web-[1-03]", "in 1-03, one number has leading zeros"],
    ["web-[01-100]", "in 01-100, one number has leading zeros"],
    ["web-[5-1]", "5-1 ends before it begins"],
    ["web-[1-5/0]", "1-5/0 never ends"],
    [
      `n[0-${MAX_NODES}]`,
      `it stands for ${MAX_NODES + 1} hosts; at most ${MAX_NODES} can be named`,
    ],
    ["n[1-999999999][1-999999999]", "hosts; at most"],
  ])("%s", (text, why) => {
    expect(() => expandNodeSet(text)).toThrow(why);
    expect(() => expandNodeSet(text)).toThrow(`Cannot read the hosts "${text}": `);
  });
});

test("ClusterShell reads the same sets, and no others", async () => {
  const number = fc.tuple(fc.nat(120), fc.constantFrom(0, 0, 2, 3)).map(([value, width]) => {
    return String(value).padStart(width, "0");
  });
  const range = fc.oneof(
    number,
    fc.tuple(number, number).map(([first, last]) => `${first}-${last}`),
    fc.tuple(number, number, fc.integer({ min: 1, max: 5 })).map((parts) => {
      return `${parts[0]}-${parts[1]}/${parts[2]}`;
    }),
  );
  const bracket = fc.array(range, { minLength: 1, maxLength: 3 }).map((all) => `[${all.join()}]`);
  const set = fc
    .array(fc.tuple(fc.constantFrom("web-", "n", "db.r"), bracket), { minLength: 1, maxLength: 2 })
    .map((parts) => parts.flat().join(""));
  const texts = fc.sample(set, { numRuns: 300, seed: 16 });
  const judged = await judgedByClusterShell(texts);
  for (const [index, text] of texts.entries()) {
    const names = judged[index]?.names;
    const ours = attempt(() => expandNodeSet(text));
    expect({ text, names: ours?.toSorted() }).toEqual({ text, names: names?.toSorted() });
  }
  expect(judged.filter(({ problem }) => problem !== undefined).length).toBeGreaterThan(50);
});

function attempt<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

test("of many names, the first are had without the others", () => {
  for (const text of [
    "n[1-99990]",
    "[1-3]x[01-20]",
    "[1-2][1-12]",
    "[1-3,2-9]",
    "a[1-9/2]b",
    "plain",
  ]) {
    const set = readNodeSet(text);
    const all = set.names();
    for (const most of [1, 2, 7, 21, 200]) {
      const first = set.names(most);
      expect(first).toEqual(all.slice(0, first.length));
      expect(first.length).toBeWithin(1, most + 1);
      if (new Set(all).size === set.count) expect(first).toHaveLength(Math.min(most, all.length));
    }
  }
});
