import { expect, test } from "bun:test";
import { readChosen } from "../../../../../src/controller/store/ports/registry.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { agent, recordOf, Stage } from "./stage.ts";

export function registrySuite(make: MakeStore): void {
  test("an empty one has nobody", async () => {
    await using stage = await Stage.open(make);
    const { registry } = stage.store;
    const { agents, broken } = await registry.read();
    expect([agents.size, broken.length]).toEqual([0, 0]);
    expect(await registry.find("web-01")).toBeUndefined();
    expect((await registry.findAll(["web-01"])).size).toBe(0);
    expect(await registry.names()).toEqual([]);
    expect(await registry.namesAt([{ address: "192.0.2.7", port: undefined }])).toEqual([[]]);
    await registry.change(() => {
      throw new Error("there is nothing to change");
    });
  });

  test("a record is kept as it is, for every process", async () => {
    await using stage = await Stage.open(make);
    const record = agent("web-01", { port: 7450, lookup_by: "ip" });
    await stage.register(record);
    expect(await stage.store.registry.find("web-01")).toEqual({ kind: "agent", record });
    await using other = stage.another("find", "web-01");
    expect(await other.says()).toEqual({ kind: "agent", record });
  });

  test("what another process has registered is there at once, whatever was asked before", async () => {
    await using stage = await Stage.open(make);
    const { registry } = stage.store;
    const at = { address: "192.0.2.7", port: undefined };
    expect(await registry.names()).toEqual([]);
    expect(await registry.namesAt([at])).toEqual([[]]);
    await using other = stage.another("put", JSON.stringify(agent("web-01")));
    await other.ended();
    expect(await registry.names()).toEqual(["web-01"]);
    expect(await registry.namesAt([at])).toEqual([["web-01"]]);
    expect((await registry.read()).agents.has("web-01")).toBe(true);
  });

  test("a host is the same however its name is written", async () => {
    await using stage = await Stage.open(make);
    const { registry } = stage.store;
    await stage.register(agent("Web-01"), agent("db-01"), agent("app-01"));
    expect(await stage.record("wEB-01")).toEqual(agent("Web-01"));
    const found = await registry.findAll(["WEB-01", "DB-01", "mail-01"]);
    expect([...found.keys()].toSorted()).toEqual(["db-01", "web-01"]);
    expect(recordOf(found.get("web-01"))).toEqual(agent("Web-01"));
    expect(await registry.names()).toEqual(["app-01", "db-01", "web-01"]);
    const all = [...(await registry.read()).agents.keys()];
    expect(all.toSorted()).toEqual(["app-01", "db-01", "web-01"]);
    await stage.register(agent("WEB-01", { ip: "192.0.2.8" }));
    expect(await registry.names()).toHaveLength(3);
    expect(await stage.record("web-01")).toMatchObject({ ip: "192.0.2.8" });
  });

  test("who is at an address: its port counts, an address may have several or none", async () => {
    await using stage = await Stage.open(make);
    const { registry } = stage.store;
    await stage.register(
      agent("Web-01", { ip: "192.0.2.1" }),
      agent("web-02", { ip: "192.0.2.1", port: 7450 }),
      agent("db-01", { ip: "2001:db8::1", port: 7443 }),
      agent("db-02", { ip: "2001:db8::1" }),
      agent("nowhere", { ip: "" }),
    );
    const asked = [
      { address: "192.0.2.1", port: 7450 },
      { address: "2001:db8::1", port: undefined },
      { address: "192.0.2.1", port: 7443 },
      { address: "192.0.2.1", port: 7451 },
      { address: "192.0.2.9", port: undefined },
    ];
    const names = (await registry.namesAt(asked)).map((each) => each.toSorted());
    expect(names).toEqual([["web-02"], ["db-01", "db-02"], ["web-01"], [], []]);
    await stage.register(agent("web-02", { ip: "192.0.2.9" }));
    expect(await registry.namesAt(asked)).toMatchObject([[], {}, ["web-01"], [], ["web-02"]]);
  });

  test("T05 a record that cannot be used is reported, and hides no other", async () => {
    await using stage = await Stage.open(make);
    const { registry } = stage.store;
    await stage.register(agent("db-01"), agent("web-01"), agent("web-02", { ip: "192.0.2.8" }));
    await stage.under.breakAgent("web-01");
    const problem = { code: "config", message: expect.any(String), hint: expect.any(String) };
    const broken = { hostname: "web-01", problem: expect.objectContaining(problem) };
    const all = await registry.read();
    expect([...all.agents.keys()].toSorted()).toEqual(["db-01", "web-02"]);
    expect(all.broken).toEqual([broken]);
    expect(await registry.find("Web-01")).toEqual({ kind: "broken", broken });
    const found = await registry.findAll(["web-01", "db-01"]);
    expect([found.get("web-01")?.kind, found.get("db-01")?.kind]).toEqual(["broken", "agent"]);
    expect(await registry.names()).toEqual(["db-01", "web-01", "web-02"]);
    const at = ["192.0.2.7", "192.0.2.8"].map((address) => ({ address, port: undefined }));
    expect(await registry.namesAt(at)).toEqual([["db-01"], ["web-02"]]);
    await registry.change((record) => ({ ...record, port: 7450 }));
    expect(await stage.record("web-02")).toMatchObject({ port: 7450 });
    expect((await registry.find("web-01"))?.kind).toBe("broken");
  });

  test("a record that cannot be used can be replaced, or removed", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"), agent("web-02"));
    for (const name of ["web-01", "web-02"]) await stage.under.breakAgent(name);
    await stage.register(agent("WEB-01"));
    expect(await stage.record("web-01")).toEqual(agent("WEB-01"));
    const removed = stage.store.exclusively((writer) => writer.removeAgent("web-02"));
    expect(await removed).toBe(true);
    expect(await stage.store.registry.find("web-02")).toBeUndefined();
  });

  test("a change is given every record, and leaves those it gives no new one for", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"), agent("Web-02", { port: 7450 }));
    const given: string[] = [];
    await stage.store.registry.change((record) => {
      given.push(record.hostname);
      return record.port === undefined ? undefined : { ...record, serial_status: "stale" };
    });
    expect(given.toSorted()).toEqual(["Web-02", "web-01"]);
    expect(await stage.record("web-01")).toEqual(agent("web-01"));
    const changed = agent("Web-02", { port: 7450, serial_status: "stale" });
    expect(await stage.record("web-02")).toEqual(changed);
  });

  test("a change for some hosts is given these alone, however they are spelled", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"), agent("Web-02"), agent("web-03"));
    const given: string[] = [];
    const { registry } = stage.store;
    await registry.change(
      (record) => {
        given.push(record.hostname);
        return { ...record, port: 7450 };
      },
      ["WEB-02", "web-03", "nobody"],
    );
    expect(given.toSorted()).toEqual(["Web-02", "web-03"]);
    const { agents } = await registry.read();
    expect([...agents].map(([host, { port }]) => [host, port])).toEqual([
      ["web-01", undefined],
      ["web-02", 7450],
      ["web-03", 7450],
    ]);
    await registry.change(() => agent("web-01"), []);
    expect((await stage.record("web-02"))?.port).toBe(7450);
  });

  test("of those that are chosen, the ones that cannot be used are named", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"), agent("web-02"), agent("web-03"));
    await stage.under.breakAgent("web-02");
    const { registry } = stage.store;
    const { agents, broken } = await readChosen(registry, new Set(["web-02", "web-01", "nobody"]));
    expect([...agents.keys()]).toEqual(["web-01"]);
    expect(broken.map(({ hostname }) => hostname)).toEqual(["web-02"]);
    expect((await readChosen(registry, undefined)).agents.size).toBe(2);
  });

  test("a change that throws changes nothing, and is no obstacle to the next", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"), agent("web-02"), agent("web-03"));
    let given = 0;
    const changing = stage.store.registry.change((record) => {
      given += 1;
      if (given === 3) throw new Error("no more");
      return { ...record, port: 7450 };
    });
    await expect(changing).rejects.toThrow("no more");
    const { agents } = await stage.store.registry.read();
    expect([...agents.values()].map(({ port }) => port)).toEqual([undefined, undefined, undefined]);
    await stage.store.registry.change((record) => ({ ...record, port: 7451 }));
    expect(await stage.record("web-03")).toMatchObject({ port: 7451 });
  });
}
