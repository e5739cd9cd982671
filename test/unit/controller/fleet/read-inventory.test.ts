/** What an expression is answered from: what it needs is read, and nothing else. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readInventory } from "../../../../src/controller/fleet/read-inventory.ts";
import type { RunHosts } from "../../../../src/controller/fleet/selector.ts";
import type { HostContext } from "../../../../src/controller/store/host.ts";
import { parseHostExpression } from "../../../../src/core/hosts/parse-expression.ts";
import { addDays, opensslTime } from "../../../../src/core/time.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

let fleet: LocalFleet;
let host: HostContext;
/** The parts of the store that were read. */
let reads: string[];

beforeEach(async () => {
  fleet = await LocalFleet.bare();
  register("Web-01", { ip: "10.0.0.1", expiry: opensslTime(addDays(fleet.now, 10)) });
  register("web-02", { ip: "10.0.0.2", port: 7450, serial_status: "stale" });
  register("web-03", { ip: "2001:db8::3", expiry: "some day", tags: { env: "test" } });
  fleet.folder.write("control/state/agents/odd-01.json", "{");
  reads = [];
  const { store } = fleet.controller;
  const watched = <Part extends object>(part: Part, ...names: readonly string[]): Part =>
    new Proxy(part, {
      get(target, name) {
        if (names.includes(String(name))) reads.push(String(name));
        const member: unknown = Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  const registry = watched(store.registry, "names", "namesAt", "records");
  host = {
    ...fleet.controller,
    store: { ...store, registry, learned: watched(store.learned, "known") },
  };
});
afterEach(() => fleet[Symbol.asyncDispose]());

function register(hostname: string, record: object): void {
  fleet.folder.write(
    `control/state/agents/${hostname}.json`,
    JSON.stringify({ hostname, ...record }),
  );
}

const read = async (text: string, runs: Readonly<Record<string, RunHosts>> = {}) =>
  await readInventory(host, parseHostExpression(text), new Map(Object.entries(runs)));

test.each([
  ["@all,web-*,web-[01-02],x-[001-900],other:7450", ["names"]],
  ["10.0.0.1", ["names", "namesAt"]],
  ["10.0.0.[1-2]", ["names", "namesAt"]],
  ["2001:db8::[1-9]", ["names", "namesAt"]],
  ["@stale", ["names", "records"]],
  ["@expiring=30d", ["names", "records"]],
  ["@version<1", ["names", "known"]],
  ["@role=db", ["names", "records", "known"]],
])("for %s there is read %j", async (text, parts) => {
  await read(text);
  expect(reads).toEqual(parts);
});

test("T76 the names of a node set are not made where none of them can be an address", async () => {
  const { first } = parseHostExpression("web-[01-02]");
  if (first.kind !== "nodes") throw new Error(first.kind);
  const made = () => expect.unreachable("they were made");
  const term = { ...first, set: { ...first.set, names: made } };
  const { names } = await readInventory(
    host,
    { kind: "expression", first: term, steps: [] },
    new Map(),
  );
  expect(names).toHaveLength(4);
});

test("a name is registered in any spelling, an address where its host is", async () => {
  const { names, registeredAs } = await read("10.0.0.[1-2],2001:db8::[3-4],10.0.0.2:7450");
  expect(names).toEqual(["odd-01", "web-01", "web-02", "web-03"]);
  const of = (name: string, port?: number) => registeredAs(name, port);
  expect([of("WEB-01"), of("web-01", 7450), of("mail")]).toEqual([["web-01"], ["web-01"], []]);
  expect([of("10.0.0.1"), of("10.0.0.1", 7443), of("10.0.0.1", 7450)]).toEqual([
    ["web-01"],
    ["web-01"],
    [],
  ]);
  expect([of("10.0.0.2"), of("10.0.0.2", 7450)]).toEqual([[], ["web-02"]]);
  expect([of("2001:DB8:0::3"), of("2001:db8::4")]).toEqual([["web-03"], []]);
});

test("a node set of addresses may have a port of its own", async () => {
  const { registeredAs } = await read("10.0.0.[1-2]:7450");
  expect([registeredAs("10.0.0.2", 7450), registeredAs("10.0.0.2", undefined)]).toEqual([
    ["web-02"],
    [],
  ]);
});

test("addresses of the hosts of a run are looked up too, whether it failed there or was missed", async () => {
  const runs = { a: { failed: ["10.0.0.1", "web-02"], missed: ["10.0.0.2:7450"], goesOn: [] } };
  const { registeredAs } = await read("@failed=a1b2c3d4e5f60718", runs);
  expect([registeredAs("10.0.0.1", undefined), registeredAs("10.0.0.2", 7450)]).toEqual([
    ["web-01"],
    ["web-02"],
  ]);
  reads.length = 0;
  await read("@failed=a1b2c3d4e5f60718", { a: { failed: ["web-01"], missed: [], goesOn: [] } });
  expect(reads).toEqual(["names"]);
});

test("of each host what its record says; of one that cannot be used nothing", async () => {
  await fleet.controller.store.learned.learn(
    new Map([
      ["web-01", { version: "1.1.0", tags: { role: "db" } }],
      ["web-02", { version: "1.1.0" }],
      ["web-03", { version: "unknown" }],
    ]),
  );
  const { factsOf } = await read("@stale,@expiring=1d,@role=db,@version<1");
  const [web, stale, odd] = ["web-01", "web-02", "odd-01"].map(factsOf);
  expect([web?.stale, stale?.stale, odd?.stale]).toEqual([false, true, false]);
  expect(Math.abs((web?.secondsLeft ?? 0) - 10 * 86_400)).toBeLessThan(2);
  expect([stale, odd, factsOf("web-03")].map((facts) => facts?.secondsLeft)).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect([web?.tag("role"), web?.tagsKnown, odd?.tagsKnown]).toEqual(["db", true, false]);
  expect(factsOf("web-03").tag("env")).toBe("test");
  // Thousands of hosts have a few versions: each is read once.
  expect(web?.version).toBeDefined();
  expect(stale?.version).toBe(web!.version!);
  expect([odd?.version, factsOf("web-03").version]).toEqual([undefined, undefined]);
});

test("what was not asked for is nobody's", async () => {
  const { factsOf } = await read("web-*");
  expect(factsOf("web-02")).toMatchObject({
    stale: false,
    secondsLeft: undefined,
    version: undefined,
    tagsKnown: false,
  });
  expect((await read("@expiring=1d")).factsOf("web-02").stale).toBe(false);
});
