/** What an agent without a shim answers of its runs, and how they end. */
import { expect, test } from "bun:test";
import type { BegunRun } from "../../../../src/agent/jobs/job.ts";
import { UnkeptRuns } from "../../../../src/agent/jobs/unkept-runs.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { TestJobs } from "../../../support/job-table.ts";

/** Runs whose scripts are written into the folder of `jobs`. */
async function unkept() {
  const jobs = await TestJobs.create();
  const { config } = await parseAgentConfig("agent.conf", "port = 7443");
  const runs = new UnkeptRuns({
    config: () => config,
    now: () => new Date(0),
    log: (event) => void jobs.events.push(event),
  });
  return { jobs, runs, logged: () => jobs.events.map(({ event }) => event) };
}

const NO_SHIM = "this agent has no shim";
/** It runs until it is ended. */
const STAYS = "exec sleep 600";

test("without a shim nothing is kept, found, or promised not to start", async () => {
  const { jobs, runs } = await unkept();
  await using _jobs = jobs;
  const reqid = newRequestId();
  expect(await runs.start()).toEqual({ kind: "no-room", problem: NO_SHIM });
  expect(runs.withdraw(reqid)).toEqual({ kind: "unnoted", problem: NO_SHIM });
  expect(await runs.cancel(reqid, "alice", 0)).toBeUndefined();
  expect([runs.find(), runs.running(reqid), runs.knownMs()]).toEqual([undefined, undefined, 0]);
  expect([await runs.lostRuns(), await runs.list()]).toEqual([[], []]);
});

test("those that run are listed, newest first, and ended by whoever asks; then they are gone", async () => {
  const { jobs, runs, logged } = await unkept();
  await using _jobs = jobs;
  const orders = [jobs.order(STAYS), jobs.order(STAYS)];
  const begun: BegunRun[] = [];
  for (const order of orders) begun.push(await runs.startUnkept(order));
  const ids = orders.map(({ reqid }) => reqid);
  expect((await runs.list()).map(({ reqid }) => reqid)).toEqual(ids.toReversed());
  for (const reqid of ids) {
    expect(runs.running(reqid)).toMatchObject({ reqid, script: "script", state: "running" });
    expect(runs.withdraw(reqid)).toEqual({ kind: "known" });
    const ended = { script: "script", ended: true, left: 0, reason: undefined };
    expect(await runs.cancel(reqid, "bob", 0)).toEqual(ended);
  }
  for (const { ended } of begun) expect(await ended).toMatchObject({ cancelled_by: "bob" });
  expect([await runs.list(), logged()]).toEqual([[], ["run-start", "run-start", "run", "run"]]);
  expect(begun.map(({ facts }) => facts.state)).toEqual(["ended", "ended"]);
});

test("one that cannot be started ends at once, and is logged by its end alone", async () => {
  const { jobs, runs, logged } = await unkept();
  await using _jobs = jobs;
  const order = jobs.order("true");
  jobs.folder.write("script.sh", "#!/missing\n");
  const run = await runs.startUnkept(order);
  expect(await run.ended).toMatchObject({
    started: "",
    ended: new Date(0).toISOString(),
    stdout_bytes: 0,
    stderr_bytes: 0,
  });
  expect([runs.running(order.reqid), run.facts.started]).toEqual([undefined, ""]);
  expect(logged()).not.toContain("run-start");
  expect(logged()).toHaveLength(1);
});
