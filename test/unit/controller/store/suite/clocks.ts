import { expect, test } from "bun:test";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { agent, Stage } from "./stage.ts";

/** The offsets that are known, by host. */
async function known({ store }: Stage): Promise<Record<string, number>> {
  const { agents } = await store.registry.read();
  const sightings = await store.clocks.known(agents);
  return Object.fromEntries(sightings.map(({ host, offset }) => [host, offset]));
}

export function clocksSuite(make: MakeStore): void {
  test("what a clock has said is known with its time, to other processes too", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("Web-01"), agent("db-01"));
    expect(await known(stage)).toEqual({});
    const before = Math.floor(Date.now() / 1000) * 1000;
    await stage.store.clocks.remember(new Map([["Web-01", 90]]));
    await stage.store.clocks.remember(new Map([["db-01", -2]]));
    expect(await known(stage)).toEqual({ "Web-01": 90, "db-01": -2 });
    const [sighting] = await stage.store.clocks.known(new Map([["web-01", true]]));
    expect(sighting?.seen.getTime()).toBeGreaterThanOrEqual(before);
    expect(sighting?.seen.getTime()).toBeLessThanOrEqual(Date.now());
    await using other = stage.another("known");
    const seen = expect.any(String);
    expect(await other.says()).toEqual(
      expect.arrayContaining([
        { host: "Web-01", offset: 90, seen },
        { host: "db-01", offset: -2, seen },
      ]),
    );
  });

  test("what is news replaces what was known; what is old is seen anew", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"));
    const seen = async () => (await stage.store.clocks.known(new Map([["web-01", true]])))[0]?.seen;
    await stage.store.clocks.remember(new Map([["web-01", 90]]));
    const first = await seen();
    await stage.store.clocks.remember(new Map([["web-01", 3600]]));
    expect(await known(stage)).toEqual({ "web-01": 3600 });
    stage.pass(7200);
    await stage.store.clocks.remember(new Map([["web-01", 3600]]));
    expect((await seen())!.getTime() - first!.getTime()).toBeGreaterThanOrEqual(7_199_000);
  });

  test("T68 those that differ are logged, the others are not", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"), agent("web-02"));
    const offsets = new Map([
      ["web-01", -120],
      ["web-02", 3],
    ]);
    await stage.store.clocks.remember(offsets);
    expect(stage.log.events).toMatchObject([
      { action: "clock-differs", fields: { AGENT: "web-01", OFFSET: -120 } },
    ]);
  });

  test("T21 of a host that is not registered nothing is known, then or later", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"));
    const offsets = new Map([
      ["web-01", 1],
      ["web-02", 90],
    ]);
    await stage.store.clocks.remember(offsets);
    expect(await known(stage)).toEqual({ "web-01": 1 });
    await stage.register(agent("web-02"));
    expect(await known(stage)).toEqual({ "web-01": 1 });
  });

  test("a clock that is forgotten is not that of the next host of the name", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"), agent("web-02"));
    const offsets = new Map([
      ["web-01", 90],
      ["web-02", 1],
    ]);
    await stage.store.clocks.remember(offsets);
    await stage.store.exclusively((writer) => writer.removeAgent("web-01"));
    expect(await known(stage)).toEqual({ "web-02": 1 });
    await stage.store.clocks.forget("web-01");
    await stage.store.clocks.forget("nobody");
    await stage.register(agent("web-01"));
    expect(await known(stage)).toEqual({ "web-02": 1 });
  });

  test("T68 a host counts once, however its name is written", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("Web-01"));
    await stage.store.clocks.remember(new Map([["Web-01", 90]]));
    await stage.register(agent("web-01"));
    await stage.store.clocks.remember(new Map([["web-01", 120]]));
    expect(await known(stage)).toEqual({ "web-01": 120 });
  });

  test("a clock is forgotten however the name is written", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("Web-01"));
    await stage.store.clocks.remember(new Map([["Web-01", 90]]));
    await stage.store.clocks.forget("wEB-01");
    expect(await known(stage)).toEqual({});
  });
}
