/** What holds for a while is told when it begins, gets worse and is over: each once, however often somebody looks. */
import { expect, test } from "bun:test";
import { type Condition, compare, type Look } from "../../../../src/core/notices/conditions.ts";

function ending(host: string, days: number, expires = "2026-06-01T00:00:00Z"): Condition {
  const subject = { of: "agent", host, expires } as const;
  return { kind: "certificate-ends", about: `agent ${host}`, which: expires, days, subject };
}

function stale(host: string): Condition {
  return { kind: "agent-stale", about: `agent ${host}`, which: "", subject: { host } };
}

function held(host: string, since: string): Condition {
  const subject = { host, script: "deploy", reqid: "0123456789abcdef", since };
  return { kind: "lock-held", about: `lock ${host}  deploy`, which: since, subject };
}

function look(found: readonly Condition[], more: Partial<Look> = {}): Look {
  const kinds = new Set(["certificate-ends", "agent-stale", "lock-held"] as const);
  return { kinds, found, unseen: new Set(), ...more };
}

/** What each of several looks tells, one after the other. */
function news(...looks: readonly Look[]) {
  let told: readonly Condition[] = [];
  return looks.map((each) => {
    const result = compare(told, each);
    told = result.told;
    return result.news;
  });
}

test("what began is told once, and once when it is over", () => {
  const [begun, again, over, nothing] = news(
    look([stale("web-01")]),
    look([stale("web-01")]),
    look([]),
    look([]),
  );
  expect(begun).toEqual([
    { kind: "agent-stale", over: false, count: 1, hosts: [{ host: "web-01" }] },
  ]);
  expect(again).toEqual([]);
  expect(over).toEqual([
    { kind: "agent-stale", over: true, count: 1, hosts: [{ host: "web-01" }] },
  ]);
  expect(nothing).toEqual([]);
});

test("the end of a certificate is told once for each threshold, and not again when the clock goes back", () => {
  const told = news(
    look([ending("web-01", 14)]),
    look([ending("web-01", 14)]),
    look([ending("web-01", 7)]),
    look([ending("web-01", 14)]),
    look([ending("web-01", 7)]),
    look([ending("web-01", 0)]),
  );
  expect(
    told.map((each) => each.map((one) => one.kind === "certificate-ends" && one.days)),
  ).toEqual([[14], [], [7], [], [], [0]]);
});

test("another certificate, or another run's lock, is told again; the one before is not said to be over", () => {
  const [, next] = news(
    look([ending("web-01", 7), held("web-01", "2026-01-01T00:00:00Z")]),
    look([ending("web-01", 14, "2026-06-09T00:00:00Z"), held("web-01", "2026-01-01T02:00:00Z")]),
  );
  expect(next).toMatchObject([
    { kind: "certificate-ends", over: false, days: 14, count: 1 },
    { kind: "lock-held", over: false, locks: [{ since: "2026-01-01T02:00:00Z" }] },
  ]);
});

test("what could not be looked at is neither begun nor over", () => {
  const first = look([stale("web-01"), stale("web-02"), held("db-01", "2026-01-01T00:00:00Z")]);
  const kinds = new Set(["agent-stale"] as const);
  const [, blind, back] = news(
    first,
    look([stale("web-02")], { kinds, unseen: new Set(["agent web-01"]) }),
    first,
  );
  expect(blind).toEqual([]);
  expect(back).toEqual([]);
});

test("T35 however many hosts it is about, there is one notice for each threshold, with twenty of them", () => {
  const all = Array.from({ length: 1000 }, (_, at) => ending(`web-${at}`, at % 2 === 0 ? 7 : 1));
  const [begun, over] = news(look(all), look([]));
  expect(begun?.map((each) => each.kind === "certificate-ends" && [each.days, each.count])).toEqual(
    [
      [7, 500],
      [1, 500],
    ],
  );
  expect(
    begun?.every((each) => each.kind === "certificate-ends" && each.certificates.length === 20),
  ).toBe(true);
  expect(over).toMatchObject([{ over: true, count: 1000 }]);
});
