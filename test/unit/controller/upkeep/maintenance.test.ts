/** The check loop when parts of it fail. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { paths } from "../../../../src/controller/store/paths.ts";
import { maintainOnce } from "../../../../src/controller/upkeep/maintenance.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { addDays, isoSeconds } from "../../../../src/core/time.ts";
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
  const locks = ["locks/web-01--deploy.lock", "rollouts/0123456789abcdef.lock"].map((name) =>
    fleet.folder.write(`control/state/${name}`, ""),
  );
  fleet.passDays(2);
  const { problems, ...done } = await maintainOnce(fleet.controller);
  expect(problems).toEqual([expect.stringContaining(`${state_dir}/runs`)]);
  expect(fleet.log.of("maintain-fail").map(({ fields }) => fields.TASK)).toEqual(["runs"]);
  expect(done).toMatchObject({ expiredRuns: 0, expiredRequests: 0, stale: [] });
  expect(locks.filter(existsSync)).toEqual([]);
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

test("a pass says what it did: what has expired is counted, and files at fault are named", async () => {
  await using fleet = await LocalFleet.create(["run_retention = 1000"]);
  const { controller } = fleet;
  const received = isoSeconds(addDays(fleet.now, -1));
  const id = "0123456789abcdef";
  fleet.folder.write(`control/state/pairing/${id}.json`, JSON.stringify({ id, received }));
  const record = fleet.folder.write(`control/state/runs/${id}.json`, "{}");
  utimesSync(record, 1, 1);
  fleet.folder.write("control/state/agents/web-01.json", "{");
  fleet.folder.write("control/state/rotation.json", "{");
  const report = await maintainOnce(controller);
  expect(report).toMatchObject({
    busy: false,
    expiredRequests: 1,
    expiredRuns: 1,
    misconfigured: false,
    problems: [
      expect.stringContaining("web-01.json: not JSON"),
      expect.stringContaining("rotation.json: not JSON"),
    ],
  });
});

test("what this host's files forbid is said to be a matter of its configuration", async () => {
  await using fleet = await LocalFleet.create();
  fleet.folder.write("control/ctrl-exec.crt", "no certificate");
  const { misconfigured, problems } = await maintainOnce(fleet.controller);
  expect(misconfigured).toBe(true);
  expect(problems[0]).toContain("ctrl-exec.crt");
  // Each is told once, however many tasks it keeps from their work.
  expect(new Set(problems).size).toBe(problems.length);
});

test("a pass that cannot begin is a problem, and not somebody else's pass", async () => {
  await using fleet = await LocalFleet.create();
  const locks = fleet.folder.join("control/state/locks");
  rmSync(locks, { recursive: true });
  fleet.folder.write("control/state/locks", "in the way");
  const { busy, problems } = await maintainOnce(fleet.controller);
  expect(busy).toBe(false);
  expect(problems).toEqual([expect.stringContaining(locks)]);
  expect(fleet.log.of("maintain-fail").map(({ fields }) => fields.TASK)).toEqual(["lock"]);
});

test("who is given up is not among those who have still to be told", async () => {
  await using fleet = await LocalFleet.create(["cert_overlap_days = 1"]);
  for (const name of ["web-01", "web-02"]) await (await fleet.addAgent(name)).stop();
  await rotateNow(fleet.controller);
  const early = await maintainOnce(fleet.controller);
  expect(early.pending.map(({ host }) => host).toSorted()).toEqual(["web-01", "web-02"]);
  expect([early.stale, early.confirmed]).toEqual([[], []]);
  fleet.passDays(2);
  const late = await maintainOnce(fleet.controller);
  expect([late.pending, late.stale.toSorted()]).toEqual([[], ["web-01", "web-02"]]);
});

test("notes of what has expired are dropped, and those of what has not are kept", async () => {
  await using fleet = await LocalFleet.create();
  const { issued } = paths(fleet.controller.config);
  const before = readFileSync(issued, "utf8");
  await maintainOnce(fleet.controller);
  expect(readFileSync(issued, "utf8")).toBe(before);
  fleet.folder.write(
    "control/state/issued-certificates",
    `${before}0a ${isoSeconds(addDays(fleet.now, -1))} web-01\n`,
  );
  await maintainOnce(fleet.controller);
  expect(readFileSync(issued, "utf8")).toBe(before);
});
