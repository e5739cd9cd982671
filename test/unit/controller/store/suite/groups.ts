import { expect, test } from "bun:test";
import type { MakeStore } from "../../../../support/store-under-test.ts";
import { Stage } from "./stage.ts";

const GROUPS = new Map([
  ["web", { expressions: ["web-[01-20]"], hosts: [], children: [] }],
  ["__proto__", { expressions: [], hosts: ["db-01"], children: ["web"] }],
]);

export function groupsSuite(make: MakeStore): void {
  test("the last answer is known, with its time", async () => {
    await using stage = await Stage.open(make);
    const { groups } = stage.store;
    expect(await groups.answer()).toBeUndefined();
    const answer = { command: "/x/command", time: new Date("2026-01-15T12:00:00.250Z") };
    await groups.keep({ ...answer, groups: new Map() });
    await groups.keep({ ...answer, groups: GROUPS });
    expect(await groups.answer()).toEqual({ ...answer, groups: GROUPS });
  });

  test("one at a time asks", async () => {
    await using stage = await Stage.open(make);
    const { groups } = stage.store;
    const first = Promise.withResolvers<string>();
    const asked = groups.alone(1000, () => first.promise);
    const second = groups.alone(10_000, async () => "second");
    await expect(groups.alone(1, async () => "third")).rejects.toMatchObject({ code: "busy" });
    first.resolve("first");
    expect(await Promise.all([asked, second])).toEqual(["first", "second"]);
  });
}
