import { expect, test } from "bun:test";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { Stage } from "./stage.ts";

const NOW = new Date("2026-06-01T00:00:00Z");

export function rotationSuite(make: MakeStore): void {
  test("without a rotation there is no state, and no problem", async () => {
    await using stage = await Stage.open(make);
    const { rotation } = stage.store;
    expect(await rotation.read()).toEqual({ kind: "none" });
    expect(await rotation.state()).toBeUndefined();
    expect(await rotation.problems()).toEqual([]);
  });

  test("the last rotation is known, with the days that both serials hold", async () => {
    await using stage = await Stage.open(make, "cert_overlap_days = 10");
    const { rotation } = stage.store;
    await rotation.commit("0a", "09", new Date("2025-06-01T00:00:00Z"));
    await rotation.commit("0b", "0a", NOW);
    const state = {
      currentSerial: "0b",
      previousSerial: "0a",
      rotatedAt: NOW,
      overlapExpires: new Date("2026-06-11T00:00:00Z"),
    };
    expect(await rotation.read()).toEqual({ kind: "state", state });
    expect(await rotation.state()).toEqual(state);
    expect(await rotation.problems()).toEqual([]);
  });

  test("one that cannot be read is no state, and is reported; the next one cures it", async () => {
    await using stage = await Stage.open(make);
    const { rotation } = stage.store;
    await rotation.commit("0b", "0a", NOW);
    await stage.under.breakRotation();
    expect(await rotation.read()).toEqual({ kind: "corrupt", reason: expect.any(String) });
    expect(stage.log.events).toEqual([]);
    expect(await rotation.state()).toBeUndefined();
    expect(stage.log.of("rotation-state-corrupt")).toHaveLength(1);
    const problem = { code: "config", hint: expect.any(String) };
    expect(await rotation.problems()).toMatchObject([problem]);
    await rotation.commit("0c", "0b", NOW);
    expect(await rotation.state()).toMatchObject({ currentSerial: "0c" });
    expect(await rotation.problems()).toEqual([]);
  });

  test("T30 upkeep waits for that of another process, or is left to it", async () => {
    await using stage = await Stage.open(make);
    const { store } = stage;
    await using other = stage.another("upkeep");
    await other.says();
    const done: string[] = [];
    const waiting = store.upkeep(async () => void done.push("upkeep"));
    expect(await store.upkeepIfFree(async () => done.push("if free"))).toBeUndefined();
    await store.exclusively(async () => done.push("a writer"));
    await stage.meanwhile();
    expect(done).toEqual(["a writer"]);
    other.goOn();
    await waiting;
    expect(done).toEqual(["a writer", "upkeep"]);
    expect(await store.upkeepIfFree(async () => "done")).toBe("done");
  });

  test("when everything was last looked after is known once somebody has said so", async () => {
    await using stage = await Stage.open(make);
    const { store } = stage;
    expect(await store.lastUpkeep()).toBeUndefined();
    await store.upkeepIfFree(async () => "part of it");
    await store.upkeep(async () => "something else");
    expect(await store.lastUpkeep()).toBeUndefined();
    await store.upkeepIfFree(async (allDone) => allDone());
    const then = await store.lastUpkeep();
    expect(then).toBeInstanceOf(Date);
    await store.upkeepIfFree(async () => "part of it");
    expect(await store.lastUpkeep()).toEqual(then);
  });

  test("upkeep that throws, or is killed, is no obstacle to the next", async () => {
    await using stage = await Stage.open(make);
    const { store } = stage;
    const fail = async () => {
      throw new Error("no more");
    };
    await expect(store.upkeep(fail)).rejects.toThrow("no more");
    await expect(store.upkeepIfFree(fail)).rejects.toThrow("no more");
    await using other = stage.another("upkeep");
    await other.says();
    await other.kill();
    expect(await store.upkeepIfFree(async () => "done")).toBe("done");
  });
}
