import { expect, test } from "bun:test";
import type { HostNews } from "../../../../../src/controller/store/ports/learned.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { agent, Stage } from "./stage.ts";

export function learnedSuite(make: MakeStore): void {
  async function staged(...hosts: readonly string[]): Promise<Stage> {
    const stage = await Stage.open(make);
    await stage.register(...hosts.map((host) => agent(host)));
    return stage;
  }

  const learn = async ({ store }: Stage, news: Readonly<Record<string, HostNews>>) =>
    await store.learned.learn(new Map(Object.entries(news)));

  test("nothing is known until somebody has told, and to ask is no news", async () => {
    await using stage = await staged("web-01");
    const { learned } = stage.store;
    expect((await learned.known()).size).toBe(0);
    expect((await learned.scripts(["web-01"])).size).toBe(0);
    await learned.learn(new Map());
    await learned.forget("web-01");
    expect((await learned.known()).size).toBe(0);
    expect(stage.log.events).toEqual([]);
  });

  test("what a host has told is known with its time, to other processes too", async () => {
    await using stage = await staged("Web-01");
    const before = Date.now();
    const news = { version: "1.1.0", tags: { env: "test" }, scripts: ["backup", "deploy"] };
    await learn(stage, { "Web-01": news });
    const known = (await stage.store.learned.known()).get("web-01");
    const at = known!.contact;
    expect(at.getTime()).toBeGreaterThanOrEqual(before);
    expect(at.getTime()).toBeLessThanOrEqual(Date.now());
    expect(known).toEqual({
      contact: at,
      version: { value: "1.1.0", at },
      tags: { value: { env: "test" }, at },
    });
    const scripts = await stage.store.learned.scripts(["WEB-01", "nobody"]);
    expect([...scripts]).toEqual([["web-01", { value: ["backup", "deploy"], at }]]);
    await using other = stage.another("learned");
    expect(await other.says()).toEqual([["web-01", JSON.parse(JSON.stringify(known))]]);
  });

  test("a host that tells less has not taken back the rest", async () => {
    await using stage = await staged("web-01");
    await learn(stage, { "web-01": { version: "1.0", tags: { env: "test" }, scripts: ["a"] } });
    const first = (await stage.store.learned.known()).get("web-01");
    stage.pass(60);
    await learn(stage, { "web-01": {} });
    const second = (await stage.store.learned.known()).get("web-01");
    expect(second).toMatchObject({ version: first!.version!, tags: first!.tags! });
    expect(second!.contact.getTime() - first!.contact.getTime()).toBeGreaterThanOrEqual(60_000);
    await learn(stage, { "web-01": { version: "1.1", tags: {}, scripts: [] } });
    const third = (await stage.store.learned.known()).get("web-01");
    expect(third).toMatchObject({ version: { value: "1.1" }, tags: { value: {} } });
    expect((await stage.store.learned.scripts(["web-01"])).get("web-01")?.value).toEqual([]);
  });

  test("what another process learns is known here at once, whatever was asked before", async () => {
    await using stage = await staged("web-01", "web-02");
    await learn(stage, { "web-01": { version: "1.0" }, "web-02": { version: "1.0" } });
    const { learned } = stage.store;
    expect((await learned.known()).get("web-01")).toMatchObject({ version: { value: "1.0" } });
    await using other = stage.another("learn", JSON.stringify({ "web-01": { version: "1.1" } }));
    await other.ended();
    const known = await learned.known();
    expect(known.get("web-01")).toMatchObject({ version: { value: "1.1" } });
    expect(known.get("web-02")).toMatchObject({ version: { value: "1.0" } });
  });

  test("processes that learn at once lose nothing", async () => {
    const hosts = Array.from({ length: 40 }, (_, index) => `web-${index}`);
    await using stage = await staged(...hosts);
    const others = [0, 1, 2].map((other) => {
      const news = hosts.filter((_, at) => at % 4 === other).map((host) => [host, {}]);
      return stage.another("learn", JSON.stringify(Object.fromEntries(news)));
    });
    const mine = hosts.filter((_, at) => at % 4 === 3);
    for (const host of mine) await learn(stage, { [host]: {} });
    for (const other of others) await other.ended();
    expect([...(await stage.store.learned.known()).keys()].toSorted()).toEqual(hosts.toSorted());
  });

  test("T21 of a host that is not registered nothing is known, then or later", async () => {
    await using stage = await staged("web-01", "db-01");
    await learn(stage, { "web-01": {}, "web-02": { version: "1.0" } });
    await stage.register(agent("web-02"));
    expect([...(await stage.store.learned.known()).keys()]).toEqual(["web-01"]);
  });

  test("what is forgotten is not that of the next host of the name", async () => {
    await using stage = await staged("Web-01", "web-02");
    await learn(stage, { "Web-01": { tags: { role: "db" }, scripts: ["a"] }, "web-02": {} });
    await stage.store.learned.known();
    await stage.store.learned.forget("wEB-01");
    await stage.store.learned.forget("nobody");
    expect([...(await stage.store.learned.known()).keys()]).toEqual(["web-02"]);
    expect((await stage.store.learned.scripts(["web-01"])).size).toBe(0);
    await learn(stage, { "Web-01": {} });
    expect((await stage.store.learned.known()).get("web-01")?.tags).toBeUndefined();
  });

  test("T69 of what a hostile host tells only so much is kept, and of tags all or none", async () => {
    await using stage = await staged("web-01", "web-02", "web-03");
    const value = "x".repeat(65_536);
    const tags = Object.fromEntries(
      Array.from({ length: 1000 }, (_, key) => [`key-${key}`, value]),
    );
    const scripts = Array.from({ length: 10_000 }, (_, at) => `script-${at}`);
    await learn(stage, {
      "web-01": { version: value, tags, scripts },
      "web-02": { tags: Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`${at}`, ""])) },
      "web-03": { tags: { env: "\u0000".repeat(1000) } },
    });
    const known = await stage.store.learned.known();
    for (const host of ["web-01", "web-02", "web-03"]) {
      expect(known.get(host)?.tags?.value).toBe("too long");
    }
    expect(known.get("web-01")?.version?.value).toHaveLength(64);
    const kept = (await stage.store.learned.scripts(["web-01"])).get("web-01")?.value ?? [];
    expect(kept).toEqual(scripts.slice(0, kept.length));
    expect(JSON.stringify(kept).length).toBeLessThanOrEqual(16_384);
    expect(kept.length).toBeGreaterThan(1000);
    await learn(stage, { "web-02": { tags: { env: "test" } } });
    const mended = (await stage.store.learned.known()).get("web-02");
    expect(mended?.tags?.value).toEqual({ env: "test" });
  });

  test("an empty version is none, and tags are what they are called", async () => {
    await using stage = await staged("web-01");
    const tags = JSON.parse('{"__proto__":"x","constructor":"y","":"z"}');
    await learn(stage, { "web-01": { version: "", tags } });
    const known = (await stage.store.learned.known()).get("web-01");
    expect(known?.version).toBeUndefined();
    expect(Object.entries(known?.tags?.value ?? {})).toEqual(Object.entries(tags));
  });
}
