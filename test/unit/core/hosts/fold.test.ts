/** Names folded into node sets, as every screen shows them. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  compareHosts,
  foldedHosts,
  foldHosts,
  hostCount,
  namedHosts,
} from "../../../../src/core/hosts/fold.ts";
import { expandNodeSet } from "../../../../src/core/hosts/node-set.ts";
import { judgedByClusterShell } from "../../../support/clustershell.ts";

describe("names are folded", () => {
  test.each([
    ["", ""],
    ["web-01", "web-01"],
    ["web-02 web-01 web-03 db", "db,web-[01-03]"],
    ["web-1 web-2 web-4", "web-[1-2,4]"],
    ["web-2 web-10 web-1", "web-[1-2,10]"],
    ["web-1 web-01 web-2 web-02", "web-[1-2,01-02]"],
    ["web-08 web-09 web-10 web-11", "web-[08-11]"],
    ["web-9 web-10", "web-[9-10]"],
    ["web-09 web-9 web-10", "web-[9,09-10]"],
    ["web-99 web-98 web-098 web-099 web-100", "web-[98-99,098-100]"],
    ["web-08 web-99 web-100", "web-[08,99-100]"],
    ["rack1-n1 rack1-n2 rack2-n1 rack2-n2", "rack[1-2]-n[1-2]"],
    ["rack1-n1 rack1-n2 rack2-n1", "rack1-n[1-2],rack2-n1"],
    ["web-01 web-01", "web-01"],
    ["web-01:7450 web-02:7450 web-03", "web-03,web-[01-02]:7450"],
    ["10.0.0.9 10.0.0.10", "10.0.0.[9-10]"],
    ["fe80::1 fe80::2 fe80::1%eth0", "fe80::1,fe80::1%eth0,fe80::2"],
    ["ip-1234567890 ip-1234567891", "ip-1234567890,ip-1234567891"],
    ["ip-123456788 ip-123456789", "ip-[123456788-123456789]"],
    ["n1-1234567890 n2-1234567890", "n[1-2]-1234567890"],
    ["n1-1234567890 n1-1234567891", "n1-1234567890,n1-1234567891"],
    ["Web-1 web-2", "Web-1,web-2"],
  ])("%s: %s", (names, folded) => {
    expect(foldHosts(names.split(" ").filter((name) => name !== ""))).toBe(folded);
  });

  test("a zero alone is not a padding, and numbers with padding have as many digits", () => {
    const from = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, index) => `n${first + index}`);
    expect(foldHosts(from(0, 11))).toBe("n[0-11]");
    expect(foldHosts(["n09", ...from(10, 101)])).toBe("n[09-99,100-101]");
  });

  test("one set for each kind of name, for screens that wrap them", () => {
    expect(foldedHosts(["b1", "a2", "b2", "c"])).toEqual(["a2", "b[1-2]", "c"]);
  });
});

test("hosts are in the order of their numbers", () => {
  const names = ["web-10", "web-2", "db", "web", "web-02", "web-2a", "Web-3", "web-2:80"];
  expect(names.toSorted(compareHosts)).toEqual([
    ...["db", "web", "Web-3", "web-2", "web-2:80", "web-2a", "web-02", "web-10"],
  ]);
  expect(compareHosts("web-2", "web-10")).toBeLessThan(0);
  expect(compareHosts("web-10", "web-2")).toBeGreaterThan(0);
  expect(compareHosts("web-2", "web-2")).toBe(0);
  expect(compareHosts("web-", "web-2")).toBeLessThan(0);
  expect(compareHosts("web-2", "web-")).toBeGreaterThan(0);
});

test("five hosts in a sentence are named as they are, and more are folded", () => {
  const hosts = ["web-2", "web-1", "db", "web-3", "web-4", "web-5"];
  expect(namedHosts(hosts.slice(0, 5))).toBe("web-2, web-1, db, web-3, web-4");
  expect(namedHosts(hosts)).toBe("db, web-[1-5]");
});

test("one host is one", () => {
  expect([0, 1, 2].map(hostCount)).toEqual(["0 hosts", "1 host", "2 hosts"]);
});

const digits = fc.tuple(fc.nat(120), fc.constantFrom(0, 0, 2, 3)).map(([value, width]) => {
  return String(value).padStart(width, "0");
});
const name = fc
  .array(fc.tuple(fc.constantFrom("web-", "n"), digits), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.flat().join(""));
const fleet = fc.array(name, { minLength: 1, maxLength: 30 });

test("folding and unfolding are inverse", () => {
  fc.assert(
    fc.property(fleet, (names) => {
      const unfolded = foldedHosts(names).flatMap(expandNodeSet);
      expect(unfolded.toSorted()).toEqual([...new Set(names)].toSorted());
    }),
  );
});

test("ClusterShell unfolds what is folded here to the same names, and folds one number no shorter", async () => {
  const one = fc.array(
    fc.tuple(fc.constantFrom("web-", "n"), digits).map((parts) => parts.join("")),
    { minLength: 1, maxLength: 30 },
  );
  const fleets = [
    ...fc.sample(one, { numRuns: 100, seed: 16 }),
    ...fc.sample(fleet, { numRuns: 100, seed: 17 }),
  ];
  const judged = await judgedByClusterShell(fleets.map(foldHosts));
  const theirs = await judgedByClusterShell(fleets.map((names) => names.join()));
  for (const [index, names] of fleets.entries()) {
    expect(judged[index]?.names?.toSorted()).toEqual([...new Set(names)].toSorted());
    if (index >= 100) continue;
    expect(foldHosts(names).length).toBeLessThanOrEqual(theirs[index]?.folded?.length ?? 0);
  }
});
