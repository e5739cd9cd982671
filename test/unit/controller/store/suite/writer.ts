import { expect, test } from "bun:test";
import type { StoreProcess } from "../../../../support/store-process.ts";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { agent, Stage } from "./stage.ts";

const TIMES = 30;

/** It is inside `exclusively` until it is told to go on. */
async function writing(stage: Stage): Promise<StoreProcess> {
  const other = stage.another("exclusively");
  await other.says();
  return other;
}

export function writerSuite(make: MakeStore): void {
  for (const [what, one, two] of [
    ["changes", "count-by-change", "count-by-change"],
    ["writes", "count-by-put", "count-by-put"],
    ["changes and writes", "count-by-change", "count-by-put"],
  ] as const) {
    test(`T30 of the ${what} of two processes none is lost`, async () => {
      await using stage = await Stage.open(make);
      await stage.register(agent("web-01", { port: 1 }), agent("web-02", { port: 1 }));
      await using first = stage.another(one, "web-01", String(TIMES));
      await using second = stage.another(two, "web-01", String(TIMES));
      for (const each of [first, second]) await each.says();
      for (const each of [first, second]) each.goOn();
      for (const each of [first, second]) await each.ended();
      expect(await stage.record("web-01")).toMatchObject({ port: 1 + 2 * TIMES });
      expect(await stage.record("web-02")).toMatchObject({ port: 1 });
    });
  }

  test("T30 whoever writes waits for who is at it, and reads what that one left", async () => {
    await using stage = await Stage.open(make);
    const { store } = stage;
    await stage.register(agent("web-01"));
    await using other = await writing(stage);
    const done: string[] = [];
    const waiting = Object.entries({
      exclusively: () => store.exclusively(async () => undefined),
      change: () => store.registry.change(() => undefined),
      withdraw: () => store.pairing.withdraw("0123456789abcdef"),
      drop: () => store.pairing.drop(() => true),
      clear: () => store.pairing.clear(),
    }).map(([name, write]) => write().then(() => done.push(name)));
    expect(await stage.record("web-01")).toEqual(agent("web-01"));
    await stage.meanwhile();
    expect(done).toEqual([]);
    other.goOn();
    await Promise.all(waiting);
    expect(done).toHaveLength(5);
  });

  test("a writer that is killed holds up nobody", async () => {
    await using stage = await Stage.open(make);
    await using other = await writing(stage);
    await other.kill();
    await stage.register(agent("web-01"));
    expect(await stage.record("web-01")).toEqual(agent("web-01"));
  });

  test("two in one process take turns as well", async () => {
    await using stage = await Stage.open(make);
    const seen: string[] = [];
    const write = (name: string) =>
      stage.store.exclusively(async () => {
        seen.push(`${name} in`);
        await stage.meanwhile();
        seen.push(`${name} out`);
      });
    await Promise.all([write("a"), write("b")]);
    expect([seen.slice(0, 2), seen.slice(2)].toSorted()).toEqual([
      ["a in", "a out"],
      ["b in", "b out"],
    ]);
  });

  test("it reads what it has written, and hands on what it resolves with", async () => {
    await using stage = await Stage.open(make);
    const port = await stage.store.exclusively(async (writer) => {
      await writer.putAgent(agent("web-01", { port: 7450 }));
      return (await stage.record("web-01"))?.port;
    });
    expect(port).toBe(7450);
  });

  test("one that throws has written whole records or none, and lets others write", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("web-01"));
    const after = agent("web-01", { ip: "192.0.2.8" });
    const failing = stage.store.exclusively(async (writer) => {
      await writer.putAgent(after);
      throw new Error("no more");
    });
    await expect(failing).rejects.toThrow("no more");
    expect([agent("web-01"), after]).toContainEqual((await stage.record("web-01"))!);
    await stage.register(agent("web-02"));
    expect(await stage.store.registry.names()).toEqual(["web-01", "web-02"]);
  });

  test("it removes a host however its name is written, and says whether there was one", async () => {
    await using stage = await Stage.open(make);
    await stage.register(agent("Web-01"), agent("web-02"));
    const remove = (name: string) => stage.store.exclusively((writer) => writer.removeAgent(name));
    expect(await remove("wEB-01")).toBe(true);
    expect(await remove("web-01")).toBe(false);
    expect(await stage.store.registry.names()).toEqual(["web-02"]);
  });

  test("to remove what killed writes have left removes nothing of what is kept", async () => {
    await using stage = await Stage.open(make);
    await stage.store.removeLeftovers();
    await stage.register(agent("web-01"));
    await stage.store.removeLeftovers();
    expect(await stage.record("web-01")).toEqual(agent("web-01"));
  });

  test("one that does not end is `busy` for the others", async () => {
    await using stage = await Stage.open(make);
    await using _other = await writing(stage);
    const waiting = stage.store.exclusively(async () => undefined);
    await expect(waiting).rejects.toMatchObject({ code: "busy" });
  });
}
