import { expect, test } from "bun:test";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { Stage } from "./stage.ts";

const NOW = new Date("2026-06-01T00:00:00Z");
const PAST = new Date("2026-05-31T23:59:59Z");
const FUTURE = new Date("2027-01-01T00:00:00Z");
const TIMES = 40;

async function note({ store }: Stage, serial: string, commonName: string, notAfter: Date) {
  await store.certificates.note({ serial, notAfter, commonName });
}

async function serialsOf({ store }: Stage, hostname: string, now: Date): Promise<string[]> {
  const { certificates, unread } = await store.certificates.issuedTo(hostname, now);
  expect(unread).toBeUndefined();
  return certificates.map(({ serial }) => serial);
}

export function certificatesSuite(make: MakeStore): void {
  test("at first none was signed, and none is revoked", async () => {
    await using stage = await Stage.open(make);
    const { certificates } = stage.store;
    expect(await serialsOf(stage, "web-01", NOW)).toEqual([]);
    expect(await certificates.hasExpired(NOW)).toBe(false);
    await certificates.prune(NOW);
    expect(await certificates.revoked()).toEqual(new Set());
    expect(certificates.revocationList).not.toBe("");
  });

  test("those of a host are known by its name in any case, until they expire", async () => {
    await using stage = await Stage.open(make);
    await note(stage, "0a", "web-01", FUTURE);
    await note(stage, "0b", "Web-01", FUTURE);
    await note(stage, "0c", "web-01", PAST);
    await note(stage, "0d", "db-01", FUTURE);
    expect((await serialsOf(stage, "WEB-01", NOW)).toSorted()).toEqual(["0a", "0b"]);
    expect(await serialsOf(stage, "db-01", NOW)).toEqual(["0d"]);
    expect(await serialsOf(stage, "web-01", FUTURE)).toEqual([]);
    expect(await serialsOf(stage, "web-02", NOW)).toEqual([]);
    expect((await stage.store.certificates.issuedTo("db-01", NOW)).certificates).toEqual([
      { serial: "0d", notAfter: FUTURE },
    ]);
  });

  test("only those that have expired are forgotten", async () => {
    await using stage = await Stage.open(make);
    const { certificates } = stage.store;
    await note(stage, "0a", "web-01", FUTURE);
    expect(await certificates.hasExpired(NOW)).toBe(false);
    await note(stage, "0b", "web-01", PAST);
    expect(await certificates.hasExpired(NOW)).toBe(true);
    await certificates.prune(NOW);
    expect(await certificates.hasExpired(NOW)).toBe(false);
    expect(await serialsOf(stage, "web-01", PAST)).toEqual(["0a"]);
    expect(await serialsOf(stage, "web-01", new Date(0))).toEqual(["0a"]);
  });

  test("T30 none is lost of those that two processes sign while old ones are dropped", async () => {
    await using stage = await Stage.open(make);
    const { certificates } = stage.store;
    await using first = stage.another("note", "web-01", String(TIMES));
    await using second = stage.another("note", "web-01", String(TIMES));
    for (const each of [first, second]) await each.says();
    for (const each of [first, second]) each.goOn();
    for (let time = 0; time < TIMES; time++) {
      await note(stage, "0c", "db-01", PAST);
      await certificates.prune(NOW);
      // Others have their turn, even where a store's work is done at once.
      await new Promise(setImmediate);
    }
    for (const each of [first, second]) await each.ended();
    expect(new Set(await serialsOf(stage, "web-01", NOW)).size).toBe(2 * TIMES);
  });

  test("what is revoked stays so when more is", async () => {
    await using stage = await Stage.open(make);
    const { certificates } = stage.store;
    const revoke = (...serials: string[]) =>
      stage.store.exclusively((writer) => writer.revoke(serials, "web-01, unpaired"));
    await revoke("0a", "0bff");
    await revoke("0a");
    await revoke("0c");
    expect(await certificates.revoked()).toEqual(new Set(["0a", "0bff", "0c"]));
  });
}
