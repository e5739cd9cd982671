/** What a record learns from a contact, case by case, and what becomes of it when it cannot be written. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { type Contact, rememberContacts } from "../../../../src/controller/inventory/contacts.ts";
import type { AgentRecord } from "../../../../src/controller/store/agent-record.ts";
import { lockRegistry } from "../../../../src/controller/store/registry.ts";
import { addDays, isoSeconds, opensslTime } from "../../../../src/core/time.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

type News = Record<string, unknown>;

const CURRENT = "0c";
const EARLIER = "0b";

let fleet: LocalFleet;
let now: Date;
beforeEach(async () => {
  fleet = await LocalFleet.bare();
  now = new Date(Math.floor(fleet.now.getTime() / 1000) * 1000);
});
afterEach(() => fleet[Symbol.asyncDispose]());

function register(changes: Partial<AgentRecord> = {}): AgentRecord {
  const record = {
    hostname: "web-01",
    ip: "192.0.2.7",
    dispatcher_serial: CURRENT,
    serial_status: "current",
    expiry: opensslTime(addDays(now, 100)),
    serial: "0a",
    renewed: "2026-01-01T00:00:00Z",
    ...changes,
  };
  fleet.folder.write(`control/state/agents/${record.hostname}.json`, JSON.stringify(record));
  return fleet.record(record.hostname);
}

const contact = (record: AgentRecord, changes: Partial<Contact> = {}): Contact => ({
  record,
  serial: CURRENT,
  refused: false,
  shown: undefined,
  ...changes,
});

async function remember(...contacts: readonly Contact[]) {
  return await rememberContacts({ ...fleet.controller, now: () => now }, CURRENT, contacts);
}

/** The members that differ afterwards. */
async function learned(before: AgentRecord, changes: Partial<Contact>) {
  const changed = await remember(contact(before, changes));
  const after = fleet.record(before.hostname);
  const news = Object.entries(after).filter(
    ([key, value]) => before[key as keyof AgentRecord] !== value,
  );
  expect([...changed]).toEqual(news.length === 0 ? [] : [[before.hostname, after]]);
  return Object.fromEntries(news);
}

describe("the serials of this host", () => {
  test.each<[string, Partial<AgentRecord>, Partial<Contact>, News]>([
    ["it takes the one in force, as known", {}, {}, {}],
    [
      "it takes the one in force, and was to be told",
      { dispatcher_serial: EARLIER, serial_status: "pending" },
      {},
      {
        dispatcher_serial: CURRENT,
        serial_status: "current",
        serial_confirmed: expect.any(String),
      },
    ],
    [
      "it takes the one in force, of which nobody knew",
      { dispatcher_serial: "", serial_status: "unknown" },
      {},
      {
        dispatcher_serial: CURRENT,
        serial_status: "current",
        serial_confirmed: expect.any(String),
      },
    ],
    [
      "it takes the one in force, after all",
      { serial_status: "stale" },
      {},
      { serial_status: "current", serial_confirmed: expect.any(String) },
    ],
    [
      "it takes an earlier one",
      {},
      { serial: EARLIER },
      { dispatcher_serial: EARLIER, serial_status: "pending" },
    ],
    [
      "it takes an earlier one, as known",
      { dispatcher_serial: EARLIER, serial_status: "pending" },
      { serial: EARLIER },
      {},
    ],
    [
      "it refuses all, also the one that it is known to know",
      {},
      { serial: undefined, refused: true },
      { dispatcher_serial: "", serial_status: "pending" },
    ],
    [
      "it refuses all; that it knows another one stays in the record",
      { dispatcher_serial: EARLIER, serial_status: "pending" },
      { serial: undefined, refused: true },
      {},
    ],
    ["it refuses something else", {}, { serial: undefined, refused: false }, {}],
  ])("%s", async (_, record, changes, news) => {
    expect(await learned(register(record), changes)).toEqual(news);
    const confirmed = "serial_confirmed" in news;
    if (confirmed) expect(fleet.record("web-01").serial_confirmed).toBe(isoSeconds(now));
    const lines = fleet.log.of("serial-confirmed").map(({ fields }) => fields);
    expect(lines).toEqual(confirmed ? [{ AGENT: "web-01" }] : []);
  });
});

describe("the end of its certificate", () => {
  const shows = (days: number, serial = "0d") => ({
    shown: { serial, notAfter: addDays(now, days), address: "192.0.2.7", port: 7443 },
  });

  test.each<[string, Partial<AgentRecord>, number, (days: number) => News]>([
    ["is as recorded", {}, 100, () => ({})],
    ["has passed", {}, 0, () => ({})],
    ["is earlier: from a backup", {}, 50, (days) => ({ expiry: ends(days), renewed: "" })],
    ["was not recorded", { expiry: "" }, 500, (days) => ({ expiry: ends(days), renewed: "" })],
    [
      "is later: it was renewed, in the middle of what is usual",
      {},
      300,
      (days) => ({ expiry: ends(days), renewed: begins(days - 365), serial: "0d" }),
    ],
    [
      "is later than any that could have been made until now",
      {},
      400,
      (days) => ({ expiry: ends(days), renewed: begins(0), serial: "0d" }),
    ],
  ])("%s", async (_, record, days, news) => {
    expect(await learned(register(record), shows(days))).toEqual(news(days));
  });

  const ends = (days: number) => opensslTime(addDays(now, days));
  const begins = (days: number) => isoSeconds(addDays(now, days));

  test("says nothing if the host was given another one since it was asked", async () => {
    const before = register();
    const record = { ...before, serial: "09" };
    expect((await remember(contact(record, shows(300)))).size).toBe(0);
    expect(fleet.record("web-01")).toEqual(before);
  });
});

describe("its address", () => {
  const shown = { serial: "0a", address: "192.0.2.8", port: 7443 };
  const shows = (changes: Partial<typeof shown> = {}) => ({
    shown: { ...shown, notAfter: addDays(now, 100), ...changes },
  });

  test.each<[string, Partial<AgentRecord>, Partial<typeof shown>, News]>([
    ["another one", {}, {}, { ip: "192.0.2.8" }],
    ["the same", {}, { address: "192.0.2.7" }, {}],
    ["the same in other words", { ip: "2001:db8::a" }, { address: "2001:DB8:0::a" }, {}],
    ["the same, mapped", {}, { address: "::ffff:192.0.2.7" }, {}],
    ["none", {}, { address: "" }, {}],
    ["at another port", {}, { port: 7450 }, {}],
    ["at its own port", { port: 7450 }, { port: 7450 }, { ip: "192.0.2.8" }],
    ["that is not for calling it", { lookup_by: "ip" }, {}, {}],
    ["where it has a name", { lookup_by: "hostname" }, {}, { ip: "192.0.2.8" }],
  ])("%s", async (_, record, changes, news) => {
    expect(await learned(register(record), shows(changes))).toEqual(news);
  });

  test("was changed by somebody since the host was asked", async () => {
    const record = { ...register(), ip: "192.0.2.1" };
    expect((await remember(contact(record, shows()))).size).toBe(0);
  });
});

test("of many hosts only those are written that have news, whatever was written meanwhile", async () => {
  const [web, db, mail] = [
    register({ serial_status: "pending" }),
    register({ hostname: "db-01" }),
    register({ hostname: "mail-01", serial_status: "pending" }),
  ];
  // Somebody else has heard the same of it in the meantime.
  const after = register({ hostname: "mail-01" });
  const changed = await remember(...[web, db, mail].map((record) => contact(record)));
  expect([...changed.keys()]).toEqual(["web-01"]);
  expect(fleet.record("mail-01")).toEqual(after);
  expect(fleet.record("db-01")).toEqual(db);
});

test("T22 what cannot be written is logged, and known to nobody", async () => {
  const record = register({ serial_status: "pending" });
  rmSync(fleet.folder.join("control/state/locks"), { recursive: true, force: true });
  fleet.folder.write("control/state/locks", "in the way");
  expect((await remember(contact(record))).size).toBe(0);
  expect(fleet.log.events).toMatchObject([
    { action: "config-warn", fields: { KEY: "state_dir", MSG: expect.stringContaining("locks") } },
  ]);
  expect(fleet.record("web-01")).toEqual(record);
});

test("where there is no news, nobody waits for who is at work on the registry", async () => {
  const record = register();
  using _lock = await lockRegistry(fleet.controller.config);
  expect((await remember(contact(record))).size).toBe(0);
  expect((await remember()).size).toBe(0);
  expect(fleet.log.events).toEqual([]);
});
