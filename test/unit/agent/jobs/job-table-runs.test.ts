/** Runs as jobs: what the table of them answers, logs and keeps. */
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, utimesSync } from "node:fs";
import type { Job, RunOrder } from "../../../../src/agent/jobs/job.ts";
import { JobFolder } from "../../../../src/agent/jobs/job-folder.ts";
import type { JobTable } from "../../../../src/agent/jobs/job-table.ts";
import { jobNamesIn } from "../../../../src/agent/jobs/jobs-folder.ts";
import { newRequestId } from "../../../../src/core/request-id.ts";
import { until } from "../../../support/folder.ts";
import { TestJobs } from "../../../support/job-table.ts";

async function started(table: JobTable, order: RunOrder): Promise<Job> {
  const outcome = await table.start(order);
  if (outcome.kind !== "started") throw new Error(JSON.stringify(outcome));
  outcome.letGo();
  return outcome.job;
}

/** With a shim that begins at once. */
async function ready(...lines: readonly string[]) {
  const jobs = await TestJobs.create(...lines);
  jobs.folder.write("go", "");
  return jobs;
}

/** Ends when `end` is written. */
const WAITS = "echo begun; while [ ! -e $1/end ]; do sleep 0.01; done";
const waiting = (jobs: TestJobs, more: Partial<RunOrder> = {}) =>
  jobs.order(WAITS, { args: [jobs.folder.path], ...more });
const end = (jobs: TestJobs) => jobs.folder.write("end", "");

/** Its events as they come; an adopted job that is read is looked at more often. */
async function allOf(job: Job): Promise<string[]> {
  const kinds: string[] = [];
  const from = { stdout: 0, stderr: 0 };
  for await (const { kind } of job.follow(from, new AbortController().signal, false)) {
    kinds.push(kind);
  }
  return kinds;
}

/** The agent that starts next takes it that every run of the last hour is known. */
function hasKnownForAnHour(jobs: TestJobs): void {
  const then = new Date(Date.now() - 3_600_000);
  utimesSync(jobs.folder.join("jobs/known-since"), then, then);
}

/** For how long it knows every run: minutes. */
function minutesKnown(table: JobTable): number {
  const withdrawal = table.withdraw(newRequestId(), "");
  if (withdrawal.kind !== "withdrawn") throw new Error(withdrawal.kind);
  return Math.round(withdrawal.knownMs / 60_000);
}

const text = (job: Job, stream: "stdout" | "stderr" = "stdout") =>
  Buffer.concat([...job.output(stream, false).chunks()]).toString();

describe("a run", () => {
  test("is logged at its start and its end, kept with its output, and found by its request id", async () => {
    await using jobs = await ready();
    const table = await jobs.table();
    const order = jobs.order("cat; echo oops >&2; exit 3", { token: "t0ken" });
    const job = await started(table, order);
    const ending = await job.ended;
    expect(ending).toMatchObject({ state: "ended", exit: 3, stderr_bytes: 5 });
    expect(JSON.parse(text(job))).toMatchObject({ reqid: order.reqid, token: "t0ken" });
    const { reqid } = order;
    const where = { peer: "127.0.0.1", reqid, script: "script" };
    expect(jobs.events).toEqual([
      { event: "run-start", ...where },
      { event: "run", exit: 3, took: expect.any(Number), ...where },
    ]);
    expect(table.running(reqid)).toBeUndefined();
    const kept = table.find(reqid);
    if (kept === undefined) throw new Error("it is not kept");
    expect(kept.facts).toEqual({
      reqid,
      script: "script",
      username: "alice",
      state: "ended",
      started: ending.started,
      ended: ending.ended,
    });
    expect([text(kept, "stderr"), await kept.ended]).toEqual(["oops\n", ending]);
    expect(await table.list()).toEqual([kept.facts]);
    expect(await table.start(order)).toEqual({ kind: "used" });
    expect(table.withdraw(reqid, "")).toEqual({ kind: "known" });
    // Nothing that has run is cancelled.
    expect(await table.cancel(reqid, "bob", 0)).toBeUndefined();
  });

  test("that is under way is known, and refused a second time, by its request id and under its lock", async () => {
    await using jobs = await ready();
    const table = await jobs.table();
    const order = waiting(jobs);
    const job = await started(table, order);
    await until("it has begun", () => job.output("stdout", false).bytes > 0);
    expect(table.running(order.reqid)).toMatchObject({ state: "running", ended: undefined });
    expect(table.running(order.reqid)?.started).not.toBe("");
    expect(table.find(order.reqid)).toBe(job);
    expect(await table.start(order)).toEqual({ kind: "used" });
    expect(table.withdraw(order.reqid, "")).toEqual({ kind: "known" });
    expect(await table.start(jobs.order("true", { lock: true }))).toEqual({
      kind: "busy",
      reqid: order.reqid,
    });
    const other = { ...jobs.order("true", { lock: true }) };
    const named = { ...other, script: { ...other.script, name: "other" } };
    const second = await started(table, named);
    await second.ended;
    const third = await started(table, waiting(jobs));
    const listed = (await table.list()).map(({ reqid }) => reqid);
    expect(listed).toEqual([third.facts.reqid, order.reqid, named.reqid]);
    end(jobs);
    await job.ended;
    expect(await third.ended).toMatchObject({ exit: 0 });
    await started(table, jobs.order("true", { lock: true }));
  });

  test("whose script cannot be executed never ran, and is kept all the same", async () => {
    await using jobs = await ready();
    const table = await jobs.table();
    const order = jobs.order("true");
    chmodSync(order.script.path, 0o644);
    const job = await started(table, order);
    const error = `cannot execute ${order.script.path}: it is not executable`;
    expect(await job.ended).toMatchObject({ state: "never-ran", exit: 126, started: "", error });
    expect(jobs.events).toEqual([
      {
        event: "run-problem",
        error,
        exit: 126,
        peer: "127.0.0.1",
        reqid: order.reqid,
        script: "script",
      },
    ]);
    expect(table.find(order.reqid)?.facts).toMatchObject({ state: "never-ran" });
    // Nor does the next agent forget it.
    expect((await jobs.table()).find(order.reqid)?.facts).toMatchObject({ state: "never-ran" });
  });

  test("that was withdrawn does not start, and the agent is sure of it", async () => {
    await using jobs = await ready();
    const table = await jobs.table();
    const order = jobs.order("true");
    const withdrawal = table.withdraw(order.reqid, "");
    expect(withdrawal).toEqual({ kind: "withdrawn", knownMs: expect.any(Number) });
    expect(await table.start(order)).toEqual({ kind: "withdrawn", by: "" });
    expect([table.find(order.reqid), jobs.events]).toEqual([undefined, []]);
  });

  test("whose folder somebody has removed does not start again, but may have run", async () => {
    await using jobs = await ready();
    const table = await jobs.table();
    const order = jobs.order("true");
    await (await started(table, order)).ended;
    for (const name of jobNamesIn(jobs.folder.join("jobs"))) {
      rmSync(jobs.folder.join("jobs", name), { recursive: true });
    }
    expect(table.withdraw(order.reqid, "")).toEqual({ kind: "withdrawn", knownMs: 0 });
  });
});

describe("the next agent", () => {
  test("takes over what runs, and its end and output are there", async () => {
    await using jobs = await ready();
    const first = await jobs.table();
    const order = waiting(jobs);
    const job = await started(first, order);
    await until("it has begun", () => job.output("stdout", false).bytes > 0);
    first.close();
    const next = await jobs.table();
    const taken = next.find(order.reqid);
    if (taken === undefined) throw new Error("it is not known");
    expect(next.running(order.reqid)).toMatchObject({ state: "running" });
    expect(taken.output("stdout", false).bytes).toBe("begun\n".length);
    // It counts as a run of its script.
    expect(jobs.running.takeScript("script", 1)).toBeUndefined();
    jobs.events.length = 0;
    end(jobs);
    expect(await allOf(taken)).toEqual(["begin", "output", "end"]);
    expect(await taken.ended).toMatchObject({ state: "ended", exit: 0, stdout_bytes: 6 });
    expect(text(taken)).toBe("begun\n");
    expect(jobs.events.map(({ event }) => event)).toContain("run");
    expect(jobs.running.takeScript("script", 1)).toBeDefined();
    expect(jobs.shims).toHaveLength(1);
  });

  test("goes on with an end that was asked for", async () => {
    await using jobs = await ready();
    const first = await jobs.table();
    const order = jobs.order("trap '' TERM; echo begun; sleep 600 & wait; wait");
    const job = await started(first, order);
    await until("it has begun", () => job.output("stdout", false).bytes > 0);
    // The agent is killed before it is done with that.
    const [name = ""] = jobNamesIn(jobs.folder.join("jobs"));
    new JobFolder(jobs.folder.join("jobs", name)).writeCancel({ by: "bob", graceMs: 10 });
    first.close();
    const next = await jobs.table();
    const taken = next.find(order.reqid);
    if (taken === undefined) throw new Error("it is not known");
    expect(await allOf(taken)).toEqual(["begin", "output", "end"]);
    expect(await taken.ended).toMatchObject({
      state: "ended",
      cancelled: true,
      cancelled_by: "bob",
    });
  });

  test("removes what was half made a minute ago, and is not sure of runs before", async () => {
    await using jobs = await ready();
    const first = await jobs.table();
    await (await started(first, jobs.order("true"))).ended;
    const [old, young] = ["0".repeat(32), "1".repeat(32)];
    for (const name of [old, young]) mkdirSync(jobs.folder.join("jobs", name));
    const then = new Date(Date.now() - 61_000);
    utimesSync(jobs.folder.join("jobs", old), then, then);
    hasKnownForAnHour(jobs);
    const next = await jobs.table();
    expect(existsSync(jobs.folder.join("jobs", old))).toBe(false);
    expect(existsSync(jobs.folder.join("jobs", young))).toBe(true);
    expect(minutesKnown(next)).toBe(0);
  });
});

describe("what is kept", () => {
  const foldersIn = (jobs: TestJobs) =>
    readdirSync(jobs.folder.join("jobs")).filter((name) => name.length === 32).length;

  test("goes once it is too old, also under an agent that starts", async () => {
    await using jobs = await ready("run_retention = 100");
    const table = await jobs.table();
    const old = jobs.order("true");
    await (await started(table, old)).ended;
    jobs.shift = 99_000;
    expect((await jobs.table()).find(old.reqid)).toBeDefined();
    jobs.shift = 102_000;
    const next = await jobs.table();
    expect(next.find(old.reqid)).toBeUndefined();
    await until("its folder has gone", () => foldersIn(jobs) === 0);
  });

  test("T72 goes, oldest first, once there is too much of it; what is in use stays", async () => {
    // Each takes 8 KiB for its folder, and 4 for each file.
    await using jobs = await ready("run_spool = 46000");
    const table = await jobs.table();
    const runs: Job[] = [];
    const run = async (body: string) => {
      const job = await started(table, jobs.order(body));
      await job.ended;
      runs.push(job);
    };
    await run("echo 1");
    const letGo = runs[0]?.hold();
    await run("echo 2");
    await run("head -c 15000 /dev/zero");
    await until("one has gone", () => foldersIn(jobs) === 2);
    const known = () => runs.map(({ facts }) => table.find(facts.reqid) !== undefined);
    expect(known()).toEqual([true, false, true]);
    letGo?.();
    await run("echo 4");
    await until("the other has gone", () => foldersIn(jobs) === 2);
    expect(known()).toEqual([false, false, true, true]);
    expect((await table.list()).map(({ reqid }) => reqid)).toEqual(
      [runs[3], runs[2]].map((job) => job?.facts.reqid ?? ""),
    );
  });

  test("goes, or ends under a clock that is set meanwhile: what was before is not certain any more", async () => {
    await using jobs = await ready("run_spool = 30000");
    await (await started(await jobs.table(), jobs.order("true"))).ended;
    hasKnownForAnHour(jobs);
    const clocked = await jobs.table();
    const job = await started(clocked, waiting(jobs));
    expect(minutesKnown(clocked)).toBe(60);
    jobs.shift = 60_000;
    end(jobs);
    await job.ended;
    jobs.shift = 0;
    expect(minutesKnown(clocked)).toBe(0);
    hasKnownForAnHour(jobs);
    const cleared = await jobs.table();
    expect(minutesKnown(cleared)).toBe(60);
    await (await started(cleared, jobs.order("true"))).ended;
    expect(minutesKnown(cleared)).toBe(0);
  });

  test("of a run is limited by what others leave of the room", async () => {
    await using jobs = await ready("run_spool = 1000");
    const table = await jobs.table();
    const job = await started(table, jobs.order("head -c 5000 /dev/zero; sleep 0.1"));
    expect(await job.ended).toMatchObject({ stdout_bytes: 5000 });
    expect(job.output("stdout", false)).toMatchObject({ bytes: 1000, dropped: 4000 });
  });
});

describe("where no job can be kept", () => {
  test("none is begun until its folder can be made, and the log says once that one runs without", async () => {
    await using jobs = await ready();
    const file = jobs.folder.write("jobs", "");
    const table = await jobs.table();
    const problem = `Cannot keep runs in ${file}: it is not a folder`;
    for (const _ of [1, 2]) {
      expect(await table.start(jobs.order("true"))).toEqual({ kind: "no-room", problem });
    }
    // Whether it runs all the same is for its caller to say.
    expect(jobs.events).toEqual([]);
    const orders = [jobs.order("true"), jobs.order("true")];
    for (const order of orders) await (await table.startUnkept(order, problem)).ended;
    const events = jobs.events.map(({ event }) => event);
    expect(events).toEqual(["run-unkept", "run-start", "run", "run-start", "run"]);
    expect(jobs.events[0]).toMatchObject({ error: problem, reqid: orders[0]?.reqid });
    expect(await table.list()).toEqual([]);
    rmSync(file);
    await (await started(table, jobs.order("true"))).ended;
    // Somebody removes the folder of all jobs: the next run makes it again.
    rmSync(file, { recursive: true });
    await (await started(table, jobs.order("true"))).ended;
  });

  test("a run ends with the agent, and is known as long as it runs", async () => {
    await using jobs = await ready("max_output = 3");
    const table = await jobs.table();
    const order = waiting(jobs);
    const run = await table.startUnkept(order);
    const { reqid } = order;
    await until("it has begun", () => run.facts.started !== "");
    expect(run.facts).toMatchObject({
      reqid,
      script: "script",
      username: "alice",
      state: "running",
    });
    expect(table.running(reqid)).toMatchObject({ reqid, state: "running", ended: undefined });
    expect(table.find(reqid)).toBeUndefined();
    expect((await table.list()).map((facts) => facts.reqid)).toEqual([reqid]);
    expect(table.withdraw(reqid, "")).toEqual({ kind: "known" });
    const locked = { ...order, reqid: "f".repeat(16), lock: true };
    expect(await table.start(locked)).toEqual({ kind: "busy", reqid });
    end(jobs);
    expect(await run.ended).toMatchObject({ state: "ended", exit: 0, stdout_bytes: 6 });
    expect(run.facts).toMatchObject({ state: "ended", ended: (await run.ended).ended });
    const { bytes, dropped, chunks } = run.output("stdout", false);
    expect([bytes, dropped, Buffer.concat([...chunks()]).toString()]).toEqual([3, 3, "beg"]);
    const events = jobs.events.map(({ event }) => event);
    expect(events).toEqual(["run-start", "run"]);
    expect(await table.list()).toEqual([]);
  });

  test("a run is ended on request, and one whose script cannot be executed never ran", async () => {
    await using jobs = await ready();
    const table = await jobs.table();
    const order = waiting(jobs);
    const run = await table.startUnkept(order);
    expect(await table.cancel(order.reqid, "bob", 0)).toMatchObject({ ended: true, left: 0 });
    expect(await run.ended).toMatchObject({ cancelled: true, cancelled_by: "bob" });
    expect(await table.cancel(order.reqid, "bob", 0)).toBeUndefined();
    jobs.events.length = 0;
    const never = jobs.order("true");
    chmodSync(never.script.path, 0o644);
    const ended = await (await table.startUnkept(never)).ended;
    expect(ended).toMatchObject({ state: "never-ran", exit: 126, started: "", stdout_bytes: 0 });
    expect(jobs.events.map(({ event }) => event)).toEqual(["run-problem"]);
    expect(table.running(never.reqid)).toBeUndefined();
  });
});

test("who asks for an end that is under way joins it, and may shorten its grace", async () => {
  await using jobs = await ready();
  const table = await jobs.table();
  const order = jobs.order("trap '' TERM; echo begun; sleep 600 & wait; wait");
  const job = await started(table, order);
  await until("it has begun", () => job.output("stdout", false).bytes > 0);
  const first = table.cancel(order.reqid, `b${"o".repeat(300)}b`, 600_000);
  const second = table.cancel(order.reqid, "alice", 20);
  expect(await first).toEqual({ script: "script", ended: true, left: 0, reason: undefined });
  expect(await second).toEqual(await first);
  const { cancelled_by: by } = await job.ended;
  expect(by).toBe(`b${"o".repeat(254)}`);
});
