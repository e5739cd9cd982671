import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { paths } from "../../../../../src/controller/store/paths.ts";
import { databaseFindings } from "../../../../../src/controller/upkeep/doctor/databases.ts";
import { takeLock } from "../../../../../src/system/files/lock.ts";
import { faults, register } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

test("databases that are whole, or not made yet, stay as they are", async () => {
  await using fleet = await LocalFleet.create();
  const { config, store } = fleet.controller;
  const { learned, runIndex } = paths(config);
  const details = async () => (await databaseFindings(config)).map(({ detail }) => detail);
  expect(await details()).toEqual(["not made yet", "not made yet"]);
  expect([learned, runIndex].map(existsSync)).toEqual([false, false]);
  register(fleet, "web-01");
  await store.learned.learn(new Map([["web-01", { version: "1.1.0" }]]));
  fleet.folder.write("control/state/runs/none", "");
  await store.runs.list({ limit: 1 } as never);
  expect(await details()).toEqual(["whole", "whole"]);
  expect((await store.learned.known()).get("web-01")?.version?.value).toBe("1.1.0");
});

test("one that is damaged, no plain file, or another program's is removed, and made again", async () => {
  await using fleet = await LocalFleet.create();
  const { config, store } = fleet.controller;
  const { learned, runIndex } = paths(config);
  fleet.folder.write("control/state/learned.sqlite", "this is no database".repeat(100), 0o640);
  const other = new Database(runIndex, { create: true });
  other.run("CREATE TABLE theirs (x)");
  other.close();
  const found = await databaseFindings(config);
  expect(faults(found)).toEqual([
    `${learned}: it is damaged`,
    `${runIndex}: it belongs to another program`,
  ]);
  const [first, second] = found;
  expect(await first?.mend?.()).toBe(
    "removed, since it is damaged: what the hosts reported is learned again from their answers",
  );
  expect(await second?.mend?.()).toContain("removed, since it belongs to another program");
  expect([learned, runIndex].map(existsSync)).toEqual([false, false]);
  expect(await first?.mend?.()).toBeUndefined();
  register(fleet, "web-01");
  await store.learned.learn(new Map([["web-01", { version: "1.1.0" }]]));
  expect(faults(await databaseFindings(config))).toEqual([]);
  expect(await first?.mend?.()).toBeUndefined();
  expect(existsSync(learned)).toBe(true);
});

test("one that another command works with is left to it", async () => {
  await using fleet = await LocalFleet.create();
  const { config } = fleet.controller;
  fleet.folder.write("control/state/learned.sqlite", "this is no database", 0o640);
  using _lock = await takeLock(fleet.folder.join("control/state/locks/.learned"));
  const [found] = await databaseFindings(config);
  expect([found?.ok, found?.detail]).toEqual([true, "in use by another command"]);
});
