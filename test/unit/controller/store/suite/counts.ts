import { expect, test } from "bun:test";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { Stage } from "./stage.ts";

const NEWS = new Map([["ctrl_exec_dry_runs", [1]]]);
const NOTHING = new Map<string, readonly number[]>();

export function countsSuite(make: MakeStore): void {
  test("what was counted is added up, once somebody reads it", async () => {
    await using stage = await Stage.open(make);
    const { counts } = stage.store;
    expect(await counts.isRead()).toBe(false);
    expect((await counts.readAll(NOTHING))?.counts).toEqual(NOTHING);
    expect(await counts.isRead()).toBe(true);
    const since = (await counts.readAll(NEWS))?.since;
    await counts.readAll(NEWS);
    stage.pass(60);
    const all = await counts.readAll(new Map([["ctrl_exec_runs other", [4]]]));
    expect(all?.since).toEqual(since!);
    expect(Object.fromEntries(all?.counts ?? [])).toEqual({
      ctrl_exec_dry_runs: [2],
      "ctrl_exec_runs other": [4],
    });
  });

  test("T21 nothing but metrics is kept, and their scripts are bounded", async () => {
    await using stage = await Stage.open(make);
    const { counts } = stage.store;
    const many = Array.from({ length: 500 }, (_, n) => n).flatMap((n): [string, number[]][] => [
      [`ctrl_exec_host_run_duration_seconds s${n}`, new Array<number>(11).fill(1)],
      [`ctrl_exec_runs nowhere-${n}`, [1]],
      [`gone_${n}`, [1]],
    ]);
    const all = await counts.readAll(new Map(many));
    // A hundred scripts and the others; runs of none that has run.
    expect(all?.counts.size).toBe(101 + 1);
    expect(all?.counts.get("ctrl_exec_runs other")).toEqual([500]);
  });

  test("T30 of several processes that add at once nothing is lost", async () => {
    await using stage = await Stage.open(make);
    const { counts } = stage.store;
    await counts.readAll(NOTHING);
    await using first = stage.another("count", "5");
    await using second = stage.another("count", "5");
    for (const each of [first, second]) expect(await each.says()).toBe("ready");
    for (const each of [first, second]) each.goOn();
    for (let time = 0; time < 5; time++) await counts.readAll(NEWS);
    await Promise.all([first.ended(), second.ended()]);
    expect((await counts.readAll(NOTHING))?.counts).toEqual(
      new Map([["ctrl_exec_dry_runs", [15]]]),
    );
  });

  test("T10 of a process that is killed while it adds, nothing that was there is lost", async () => {
    await using stage = await Stage.open(make);
    const { counts } = stage.store;
    await counts.readAll(NEWS);
    await using other = stage.another("count", "100000");
    await other.says();
    other.goOn();
    const shown = async () =>
      (await counts.readAll(NOTHING))?.counts.get("ctrl_exec_dry_runs")?.[0] ?? 0;
    let before = 0;
    while (before < 5) before = await shown();
    await other.kill();
    expect(await shown()).toBeGreaterThanOrEqual(before);
    expect(stage.log.events).toEqual([]);
  });
}
