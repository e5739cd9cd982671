/** What a person is told when nobody has the tags of an expression. */
import { expect, test } from "bun:test";
import type { HostFacts } from "../../../../src/controller/fleet/host-facts.ts";
import type { Inventory } from "../../../../src/controller/fleet/selector.ts";
import { tagHint } from "../../../../src/controller/fleet/tag-hint.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";

/** Undefined for a host whose tags nobody knows. */
type Fleet = Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;

function inventory(fleet: Fleet): Inventory {
  const factsOf = (host: string): HostFacts => ({
    stale: false,
    secondsLeft: undefined,
    version: undefined,
    tag: (key) => fleet[host]?.[key],
    tags: () => Object.entries(fleet[host] ?? {}),
    tagsKnown: fleet[host] !== undefined,
  });
  return { names: Object.keys(fleet), factsOf, registeredAs: () => [], runs: new Map() };
}

const FLEET: Fleet = {
  "web-01": { env: "production", role: "web", rack: "7" },
  "web-02": { env: "test", role: "web" },
  "db-01": { env: "production", role: "db", site: "Köln Süd" },
};

test.each([
  ["@evn=test", "Did you mean @env=test?"],
  ["@env=prodution", "Did you mean @env=production?"],
  ["@env=staging", "No host has that value of env. There are: production, test"],
  ["@owner=ops", "No host has a tag owner. There are: env, rack, role, site"],
  ["@expirng=30d", "Did you mean @expiring=30d?"],
  ["web-*&@role=dbs", "Did you mean @role=db?"],
  ["@role=db,evn=test", "Did you mean @env=test?"],
  ['@site="Koeln Süd"', 'Did you mean @site="Köln Süd"?'],
])("%s", (text, hint) => {
  expect(tagHint(parseHostExpression(text), inventory(FLEET))).toBe(hint);
});

test.each(["@role=db,env=test", "@all!@all", "@env!=test&@env!=production"])(
  "nothing is to be said of %s",
  (text) => {
    expect(tagHint(parseHostExpression(text), inventory(FLEET))).toBeUndefined();
  },
);

test("hosts whose tags nobody knows are counted", () => {
  const hint = (text: string, fleet: Fleet) => tagHint(parseHostExpression(text), inventory(fleet));
  const two = { ...FLEET, "app-01": undefined, "app-02": undefined };
  expect(hint("@role=db,env=test", two)).toBe(
    "The tags of 2 hosts are not known: discovery learns them.",
  );
  expect(hint("@role=x", { "app-01": undefined })).toBe(
    "No host has a tag that is known here.\nThe tags of one host are not known: discovery learns them.",
  );
});

test("T74 T76 what hosts claim is cut, counted, and cannot draw on the screen", () => {
  const tags = Object.fromEntries(
    Array.from({ length: 3000 }, (_, key) => [`\u009b2J${key}`, "x".repeat(4000)]),
  );
  const hint = tagHint(parseHostExpression("@role=db"), inventory({ "web-01": tags })) ?? "";
  expect(hint).toMatch(/^No host has a tag role\. There are: "\\u009b2J0", .* and 995 more$/);
  const long = inventory({ "web-01": { role: `\u202e${"y".repeat(4000)}` } });
  const value = tagHint(parseHostExpression("@role=db"), long) ?? "";
  expect(value).toContain('There are: "\\u202eyyy');
  expect(value.length).toBeLessThan(200);
});

test("five are named and more are counted, and a long one is cut", () => {
  const hint = (tags: Readonly<Record<string, string>>) =>
    tagHint(parseHostExpression("@role=db"), inventory({ "web-01": tags }));
  const keys = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, key) => [`k${key}`, ""]));
  const five = "No host has a tag role. There are: k0, k1, k2, k3, k4";
  expect([hint(keys(5)), hint(keys(6))]).toEqual([five, `${five} and 1 more`]);
  const values = "No host has that value of role. There are:";
  expect(hint({ role: "x".repeat(64) })).toBe(`${values} ${"x".repeat(64)}`);
  expect(hint({ role: "x".repeat(65) })).toBe(`${values} ${"x".repeat(64)}...`);
});

test("T76 the values of a key that is wanted are compared behind any number of other keys, a thousand of them", () => {
  const others = Object.fromEntries(Array.from({ length: 1000 }, (_, key) => [`k${key}`, ""]));
  const fleet: Record<string, Record<string, string>> = { "web-0": others };
  for (let host = 0; host < 1001; host++) fleet[`db-${host}`] = { role: `zzzzzzz-${host}` };
  const hint = tagHint(parseHostExpression("@role=a"), inventory(fleet));
  expect(hint).toStartWith("No host has that value of role. There are: zzzzzzz-0, ");
  expect(hint).toEndWith(" and 995 more");
});
