/** Jobs whose shim takes its time to start, or is gone. */
import { afterEach, describe, expect, jest, test } from "bun:test";
import { readFileSync, rmSync, utimesSync } from "node:fs";
import { JobFolder } from "../../../../src/agent/jobs/job-folder.ts";
import { jobNamesIn } from "../../../../src/agent/jobs/jobs-folder.ts";
import type { ShimProgram } from "../../../../src/agent/jobs/shim-link.ts";
import type { RunEnding } from "../../../../src/core/run-event.ts";
import { identify } from "../../../../src/system/process/process-id.ts";
import { until } from "../../../support/folder.ts";
import { fullDisk } from "../../../support/full-disk.ts";
import { TestJobs } from "../../../support/job-table.ts";
import { isAlive } from "../../../support/processes.ts";

afterEach(() => void jest.useRealTimers());

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

/** A shim that says this of its first job, JOB, and does nothing else. */
function saying(...messages: readonly object[]): ShimProgram {
  const lines = messages.map((message) => JSON.stringify({ job: "JOB", ...message }));
  const script = `echo '{"kind":"ready"}'; read -r line; job=\${line#*'"job":"'}; job=\${job%%'"'*}
    for said in "$@"; do echo "$said" | sed "s/JOB/$job/"; done; exec cat 3>&1 >/dev/null`;
  return { file: "/bin/sh", args: ["-c", script, "sh", ...lines] };
}

describe("what its shim says of a run", () => {
  const started = "2026-01-01T00:00:00.000Z";
  const ending: RunEnding = {
    ...{ state: "ended", exit: 3, started, ended: "2026-01-01T00:00:01.000Z" },
    ...{ stdout_bytes: 5, stderr_bytes: 4 },
  };
  const begins = { kind: "started", started };
  const ends = { kind: "ended", kept: { stdout: 3, stderr: 4 }, ending };

  test("is believed and logged, but nothing that it says of others", async () => {
    await using jobs = await TestJobs.create();
    const others = { kind: "stalled", job: "another", bytes: 9 };
    const table = await jobs.table(saying(begins, others, { kind: "stalled", bytes: 7 }, ends));
    const order = jobs.order("true");
    const run = await table.start(order);
    if (run.kind !== "started") throw new Error(run.kind);
    expect(await run.job.ended).toEqual(ending);
    expect(run.job.output("stdout", false)).toMatchObject({ bytes: 3, dropped: 2 });
    const { reqid } = order;
    expect(jobs.events).toEqual([
      { event: "run-start", peer: "127.0.0.1", reqid, script: "script" },
      { event: "stdin-timeout", bytes: 7, reqid, script: "script" },
      { event: "run", exit: 3, peer: "127.0.0.1", reqid, script: "script", took: 1000 },
    ]);
  });

  test.each([true, undefined])(
    "is written for the next agent if it could not write it itself: %p",
    async (unwritten) => {
      await using jobs = await TestJobs.create();
      const table = await jobs.table(saying(begins, { ...ends, unwritten }));
      const run = await table.start(jobs.order("true"));
      if (run.kind !== "started") throw new Error(run.kind);
      await run.job.ended;
      const [name = ""] = jobNamesIn(jobs.folder.join("jobs"));
      const { end, logged } = new JobFolder(jobs.folder.join("jobs", name)).read();
      expect([end, logged]).toEqual([unwritten ? ending : undefined, true]);
    },
  );

  test("is waited for, for a while, by who asks for its end as it is started", async () => {
    await using jobs = await TestJobs.create();
    const table = await jobs.table(saying());
    const order = jobs.order("true");
    const starting = table.start(order);
    await until("it is being started", () => jobNamesIn(jobs.folder.join("jobs")).length === 1);
    jest.useFakeTimers();
    const cancelling = table.cancel(order.reqid, "bob", 0);
    for (let second = 0; second < 20; second++) jest.advanceTimersByTime(1000);
    const reason = "it is being started";
    expect(await cancelling).toEqual({ script: "script", ended: false, left: 1, reason });
    jest.useRealTimers();
    table.close();
    expect(await starting).toMatchObject({ kind: "started" });
  });
});

test("of a run whose shim does not start nothing stays, but nobody is told that it has not run", async () => {
  await using jobs = await TestJobs.create();
  const folder = jobs.folder.join("jobs");
  const failing = { file: "/bin/false", args: [] };
  jobs.folder.write("go", "");
  const earlier = await jobs.table();
  const first = await earlier.start(jobs.order("true"));
  if (first.kind !== "started") throw new Error(first.kind);
  await first.job.ended;
  earlier.close();
  jobs.events.length = 0;
  const hourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(jobs.folder.join("jobs/known-since"), hourAgo, hourAgo);
  const table = await jobs.table(failing);
  expect(table.knownMs("0".repeat(16))).toBeGreaterThan(3_590_000);
  const order = jobs.order("true");
  const problem = `Cannot keep runs in ${folder}: it has ended (at once)`;
  expect(await table.start(order)).toEqual({ kind: "no-room", problem });
  const { reqid } = order;
  expect(jobs.events).toEqual([]);
  expect([table.find(reqid), table.running(reqid)]).toEqual([undefined, undefined]);
  expect([(await table.list()).length, jobNamesIn(folder).length]).toEqual([1, 1]);
  expect(table.knownMs(reqid)).toBeLessThan(60_000);
});

test("of a run for which the disk has no room nothing stays", async () => {
  await using jobs = await TestJobs.create();
  jobs.folder.write("go", "");
  const table = await jobs.table();
  const first = await table.start(jobs.order("true"));
  if (first.kind !== "started") throw new Error(first.kind);
  await first.job.ended;
  const folder = jobs.folder.join("jobs");
  const order = jobs.order("true");
  {
    using _full = fullDisk(100);
    const problem = `Cannot keep runs in ${folder}: no space left on the disk`;
    expect(await table.start(order)).toEqual({ kind: "no-room", problem });
  }
  expect(jobNamesIn(folder)).toHaveLength(1);
  expect(await table.start(order)).toMatchObject({ kind: "started" });
});

test("an agent that stops waits for nothing more of its runs", async () => {
  await using jobs = await TestJobs.create();
  jobs.folder.write("go", "");
  const table = await jobs.table();
  const order = jobs.order("exec sleep 300");
  const run = await table.start(order);
  if (run.kind !== "started") throw new Error(run.kind);
  run.letGo();
  jest.useFakeTimers();
  const next = await jobs.table();
  // Whether it has ended that the agent before has started.
  expect(jest.getTimerCount()).toBe(1);
  next.close();
  expect(jest.getTimerCount()).toBe(0);
  for (const shim of jobs.shims) process.kill(shim, "SIGKILL");
  expect(await run.job.ended).toMatchObject({ state: "lost" });
  // Whether it goes on, when it is too old, and how long its shim rests.
  expect(jest.getTimerCount()).toBe(3);
  table.close();
  expect(jest.getTimerCount()).toBe(0);
  // The one that starts next has no shim yet.
  const later = await jobs.table();
  expect(jest.getTimerCount()).toBe(2);
  later.close();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
  expect(await table.cancel(order.reqid, "bob", 0)).toMatchObject({ ended: true });
});

test("the next agent lists what has ended in the order of the ends, newest first", async () => {
  await using jobs = await TestJobs.create();
  jobs.folder.write("go", "");
  const table = await jobs.table();
  const ended: string[] = [];
  for (let count = 0; count < 4; count++) {
    const order = jobs.order("true");
    const run = await table.start(order);
    if (run.kind !== "started") throw new Error(run.kind);
    await run.job.ended;
    run.letGo();
    ended.push(order.reqid);
  }
  const next = await jobs.table();
  expect((await next.list()).map(({ reqid }) => reqid)).toEqual(ended.toReversed());
});
