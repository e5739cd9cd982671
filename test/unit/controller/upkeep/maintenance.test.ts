/** The check loop when parts of it fail. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

test("a pass with nothing to do has done nothing, and has no problem", async () => {
  await using fleet = await LocalFleet.create();
  expect(await maintainOnce(fleet.controller)).toEqual({
    busy: false,
    mended: [],
    replacedBy: undefined,
    rotated: undefined,
    confirmed: [],
    pending: [],
    stale: [],
    renewed: [],
    notRenewed: [],
    expiredRequests: 0,
    expiredRuns: 0,
    problems: [],
    misconfigured: false,
  });
});

test("a task that fails is told and counts nothing, and the others are done", async () => {
  await using fleet = await LocalFleet.create();
  const { state_dir } = fleet.controller.config;
  rmSync(`${state_dir}/runs`, { recursive: true, force: true });
  fleet.folder.write("control/state/runs", "a file where the folder of the records should be");
  const lock = fleet.folder.write("control/state/locks/web-01--deploy.lock", "");
  fleet.passDays(2);
  const { problems, ...done } = await maintainOnce(fleet.controller);
  expect(problems).toEqual([expect.stringContaining(`${state_dir}/runs`)]);
  expect(fleet.log.of("maintain-fail").map(({ fields }) => fields.TASK)).toEqual(["runs"]);
  expect(done).toMatchObject({ expiredRuns: 0, expiredRequests: 0, stale: [] });
  expect(existsSync(lock)).toBe(false);
});

test("what fails although it never should is logged as what it is, and the rest is done", async () => {
  await using fleet = await LocalFleet.create();
  const { controller } = fleet;
  const fail = async () => {
    throw new TypeError("undefined is not a function");
  };
  const runs = Object.assign(Object.create(controller.store.runs), { prepareList: fail });
  const store = { ...controller.store, runs, removeLeftovers: fail };
  const { state_dir } = controller.config;
  fleet.folder.write("control/state/issued-certificates", "0a 2000-01-01T00:00:00Z web-01\n");
  const { problems, busy } = await maintainOnce({ ...controller, store });
  expect([problems, busy]).toEqual([["undefined is not a function"], false]);
  const failed = fleet.log.of("maintain-fail").map(({ fields }) => fields.TASK);
  expect(failed).toEqual(["leftovers", "run-index"]);
  expect(readFileSync(`${state_dir}/issued-certificates`, "utf8")).toBe("");
});
