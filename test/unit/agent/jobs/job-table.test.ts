/** Jobs whose shim takes its time to start, or is gone. */
import { expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { JobFolder } from "../../../../src/agent/jobs/job-folder.ts";
import { jobNamesIn } from "../../../../src/agent/jobs/jobs-folder.ts";
import { identify } from "../../../../src/system/process/process-id.ts";
import { until } from "../../../support/folder.ts";
import { TestJobs } from "../../../support/job-table.ts";
import { isAlive } from "../../../support/processes.ts";

const WAITS = "echo $$ >$1; exec sleep 300";

test("a run is cancelled while its shim starts: the script ends, and the shim goes on", async () => {
  await using jobs = await TestJobs.create();
  const table = await jobs.table();
  const file = jobs.folder.join("pid");
  const order = jobs.order(WAITS, { args: [file] });
  const starting = table.start(order);
  await until("its shim starts", () => jobs.shims.length === 1);
  const cancelling = table.cancel(order.reqid, "bob", 0);
  jobs.folder.write("go", "");
  const started = await starting;
  if (started.kind !== "started") throw new Error(started.kind);
  expect(await cancelling).toMatchObject({ ended: true, left: 0 });
  expect(await started.job.ended).toMatchObject({ state: "ended", cancelled_by: "bob" });
  expect(jobs.shims.map(isAlive)).toEqual([true]);
  if (jobs.folder.has("pid")) expect(isAlive(Number(readFileSync(file, "utf8")))).toBe(false);
});

test("a run is cancelled whose shim does not start: there is none", async () => {
  await using jobs = await TestJobs.create();
  const table = await jobs.table();
  const order = jobs.order(WAITS);
  const starting = table.start(order);
  await until("its shim starts", () => jobs.shims.length === 1);
  const cancelling = table.cancel(order.reqid, "bob", 0);
  jobs.folder.write("fail", "");
  expect(await starting).toMatchObject({ kind: "no-room" });
  expect(await cancelling).toBeUndefined();
});

test("a shim does not start: all who waited for it get the same new one", async () => {
  await using jobs = await TestJobs.create();
  const table = await jobs.table();
  const start = () => table.start(jobs.order("true"));
  const starting = [start(), start()];
  await until("the first starts", () => jobs.shims.length === 1);
  starting.push(start(), start(), start());
  for (const first of jobs.shims) process.kill(first, "SIGKILL");
  jobs.folder.write("go", "");
  const kinds = (await Promise.all(starting)).map(({ kind }) => kind);
  expect(kinds.toSorted()).toEqual(["no-room", "no-room", "started", "started", "started"]);
  expect(jobs.shims.length).toBe(2);
});

test("what watched a run is killed: it holds the script's lock until it is cancelled or has ended", async () => {
  await using jobs = await TestJobs.create();
  jobs.folder.write("go", "");
  const first = await jobs.table();
  const file = jobs.folder.join("pid");
  const order = jobs.order(WAITS, { args: [file] });
  const run = await first.start(order);
  if (run.kind !== "started") throw new Error(run.kind);
  run.letGo();
  await until("it runs", () => jobs.folder.has("pid") && readFileSync(file, "utf8") !== "");
  const script = Number(readFileSync(file, "utf8"));
  for (const shim of jobs.shims) process.kill(shim, "SIGKILL");
  expect(await run.job.ended).toMatchObject({ state: "lost" });
  // Also for the next agent.
  for (const table of [first, await jobs.table()]) {
    const locked = await table.start(jobs.order("true", { lock: true }));
    expect(locked).toEqual({ kind: "busy", reqid: order.reqid });
  }
  expect(isAlive(script)).toBe(true);
  expect(await first.cancel(order.reqid, "bob", 0)).toMatchObject({ ended: true, left: 0 });
  expect(isAlive(script)).toBe(false);
  expect(await first.cancel(order.reqid, "bob", 0)).toBeUndefined();
  expect(first.find(order.reqid)?.facts.state).toBe("lost");
  expect(await first.start(jobs.order("true", { lock: true }))).toMatchObject({ kind: "started" });
});

test("what could not be ended of a run that has ended is known to whoever asks for its end again", async () => {
  await using jobs = await TestJobs.create();
  jobs.folder.write("go", "");
  const first = await jobs.table();
  const file = jobs.folder.join("pid");
  // Nothing else tells of it: neither its session, nor its parent, nor its environment.
  const order = jobs.order("setsid env -i sleep 300 & echo $! >$1", { args: [file] });
  const run = await first.start(order);
  if (run.kind !== "started") throw new Error(run.kind);
  run.letGo();
  await run.job.ended;
  expect(await first.cancel(order.reqid, "bob", 0)).toBeUndefined();
  const left = identify(Number(readFileSync(file, "utf8")));
  if (left === undefined) throw new Error("it has ended");
  const [name = ""] = jobNamesIn(jobs.folder.join("jobs"));
  new JobFolder(jobs.folder.join("jobs", name)).add({ remains: [left] });
  const next = await jobs.table();
  expect(await next.cancel(order.reqid, "bob", 0)).toMatchObject({ ended: true, left: 0 });
  expect(isAlive(left.pid)).toBe(false);
  expect(await next.cancel(order.reqid, "bob", 0)).toBeUndefined();
});

test("a run that is lost is not cleared away as long as something of it runs", async () => {
  await using jobs = await TestJobs.create("run_spool = 1");
  jobs.folder.write("go", "");
  const table = await jobs.table();
  const file = jobs.folder.join("pid");
  const order = jobs.order(WAITS, { args: [file] });
  const run = await table.start(order);
  if (run.kind !== "started") throw new Error(run.kind);
  run.letGo();
  await until("it runs", () => jobs.folder.has("pid") && readFileSync(file, "utf8") !== "");
  for (const shim of jobs.shims) process.kill(shim, "SIGKILL");
  await run.job.ended;
  for (const agent of [table, await jobs.table()]) {
    expect(await agent.lostRuns("script")).toEqual([order.reqid]);
    expect(agent.find(order.reqid)?.facts.state).toBe("lost");
  }
  // Nor if somebody removes its folder.
  rmSync(jobs.folder.join("jobs"), { recursive: true });
  expect(await table.lostRuns("script")).toEqual([order.reqid]);
  const script = Number(readFileSync(file, "utf8"));
  process.kill(script, "SIGKILL");
  await until("it has ended", () => !isAlive(script));
  for (let look = 0; look < 3; look++) {
    expect(table.find(order.reqid)?.facts.state).toBe("lost");
    expect(await table.lostRuns("script")).toEqual([]);
  }
  expect(table.find(order.reqid)).toBeUndefined();
});
