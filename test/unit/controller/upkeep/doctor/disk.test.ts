import { expect, test } from "bun:test";
import { diskFindings, judgeRoom } from "../../../../../src/controller/upkeep/doctor/disk.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

const MIB = 2 ** 20;
const plenty = { free: 2 ** 40, total: 2 ** 41, freeFiles: 1_000_000, totalFiles: 2_000_000 };

test.each([
  ["256 MiB of a large disk", { free: 256 * MIB }, true],
  ["less", { free: 256 * MIB - 1 }, false],
  ["5 % of a small disk", { free: 5 * MIB, total: 100 * MIB }, true],
  ["less of it", { free: 5 * MIB - 1, total: 100 * MIB }, false],
  ["10,000 files", { freeFiles: 10_000 }, true],
  ["fewer", { freeFiles: 9_999 }, false],
  ["5 % of few files", { freeFiles: 50, totalFiles: 1000 }, true],
  ["fewer of them", { freeFiles: 49, totalFiles: 1000 }, false],
  ["files that are not counted", { freeFiles: 0, totalFiles: 0 }, true],
])("room for the state: %s", (_, room, ok) => {
  const found = judgeRoom("/state", { ...plenty, ...room });
  expect([found.ok, found.remedy === undefined]).toEqual([ok, ok]);
  expect(found.detail).toContain("/state");
});

test("the disk of a folder that is not there yet is that of the folder above", async () => {
  await using fleet = await LocalFleet.bare();
  const { config } = fleet.controller;
  const there = diskFindings({ ...config, state_dir: fleet.folder.path });
  const found = diskFindings(config);
  expect(found.map(({ name, ok }) => [name, ok])).toEqual(there.map(({ name, ok }) => [name, ok]));
});
