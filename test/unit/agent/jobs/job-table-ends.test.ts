/** The end of a run is told as it was, whatever becomes of what is kept of it meanwhile. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { whenEnded } from "../../../../src/agent/endpoints/run-reply.ts";
import type { Job } from "../../../../src/agent/jobs/job.ts";
import type { JobTable } from "../../../../src/agent/jobs/job-table.ts";
import { NO_OFFSETS } from "../../../../src/core/run-event.ts";
import { until } from "../../../support/folder.ts";
import { TestJobs } from "../../../support/job-table.ts";

/** 11 bytes, and three more at the end. */
const PRINTS =
  "echo 0123456789; touch $1.runs; until test -e $1.go; do sleep 0.01; done; echo ok; exit 7";

/** A run that goes on until it is told to end. */
class Run {
  readonly table: JobTable;
  readonly reqid: string;
  readonly job: Job;
  readonly #jobs: TestJobs;
  readonly #file: string;

  private constructor(jobs: TestJobs, table: JobTable, reqid: string, job: Job, file: string) {
    this.#jobs = jobs;
    this.table = table;
    this.reqid = reqid;
    this.job = job;
    this.#file = file;
  }

  static async start(jobs: TestJobs): Promise<Run> {
    jobs.folder.write("go", "");
    const table = await jobs.table();
    const file = jobs.folder.join("run");
    const order = jobs.order(PRINTS, { args: [file] });
    const started = await table.start(order);
    if (started.kind !== "started") throw new Error(started.kind);
    started.letGo();
    const run = new Run(jobs, table, order.reqid, started.job, file);
    await until("it has printed", () => existsSync(join(run.folder, "stdout")));
    await until("it waits", () => existsSync(`${file}.runs`));
    return run;
  }

  get all(): string {
    return this.#jobs.folder.join("jobs");
  }

  get folder(): string {
    const [name = ""] = readdirSync(this.all).filter((each) => each.length === 32);
    return join(this.all, name);
  }

  goOn(): void {
    writeFileSync(`${this.#file}.go`, "");
  }

  async end() {
    this.goOn();
    return await this.job.ended;
  }

  /** What the log says of its folder. */
  get faults(): readonly string[] {
    return this.#jobs.events.flatMap((event) =>
      event.event === "run-folder-fail" && event.reqid === this.reqid ? [String(event.error)] : [],
    );
  }

  /** As whoever asks for its result gets it. */
  async answer(table = this.table) {
    const job = table.find(this.reqid);
    if (job === undefined) throw new Error("the run is not known");
    return await answerOf(job);
  }
}

/** The members of the reply. */
async function answerOf(job: Job) {
  const reply = await whenEnded(job, true, undefined, (end, members) => ({ ...members, end }));
  return "body" in reply ? reply.body : {};
}

test("the folder of all jobs is removed while a script runs: its end is told, also by the next agent, and runs go on", async () => {
  await using jobs = await TestJobs.create();
  const run = await Run.start(jobs);
  const { folder } = run;
  const events: string[] = [];
  const following = (async () => {
    for await (const event of run.job.follow(NO_OFFSETS, new AbortController().signal, false)) {
      if (event.kind === "output" && event.offset === 0) {
        rmSync(run.all, { recursive: true });
        run.goOn();
      }
      const { kind } = event;
      events.push(kind === "dropped" ? `${kind} ${event.offset} ${event.bytes}` : kind);
    }
  })();
  expect(await run.job.ended).toMatchObject({ state: "ended", exit: 7, stdout_bytes: 14 });
  await following;
  expect(events).toEqual(["begin", "output", "dropped 11 3", "end"]);
  expect(jobs.ends(run.reqid)).toEqual([7]);
  expect(run.faults).toHaveLength(1);
  expect(run.faults[0]).toStartWith(`Cannot use ${folder}`);
  expect(run.faults[0]).toEndWith(": no such file or folder");
  for (const table of [run.table, await jobs.table()]) {
    expect(await run.answer(table)).toMatchObject({ exit: 7, stdout: "", stdout_dropped: 14 });
  }
  const order = jobs.order("exit 5");
  const next = await run.table.start(order);
  if (next.kind !== "started") throw new Error(next.kind);
  expect(await next.job.ended).toMatchObject({ exit: 5 });
  expect(jobs.ends(run.reqid)).toEqual([7]);
});

test("the folder of all jobs is removed: the next run makes it again, and is kept", async () => {
  await using jobs = await TestJobs.create();
  const run = await Run.start(jobs);
  const withdrawn = "0123456789abcdef";
  expect(run.table.withdraw(withdrawn, "")).toMatchObject({ kind: "withdrawn" });
  rmSync(run.all, { recursive: true });
  const order = jobs.order("exit 5");
  expect(await run.table.start(order)).toMatchObject({ kind: "started" });
  await run.end();
  const next = await jobs.table();
  expect(next.find(order.reqid)?.facts.state).toBe("ended");
  const late = jobs.order("true", { reqid: withdrawn });
  expect(await next.start(late)).toEqual({ kind: "withdrawn", by: "" });
});

test("a file takes the place of the folder of all jobs: the end is kept in memory, and says who cancelled it", async () => {
  await using jobs = await TestJobs.create();
  const run = await Run.start(jobs);
  renameSync(run.all, `${run.all}.away`);
  writeFileSync(run.all, "");
  expect(await run.table.cancel(run.reqid, "bob", 0)).toMatchObject({ ended: true, left: 0 });
  const cancelled = { exit: 126, signal: "SIGKILL", cancelled: true, cancelled_by: "bob" };
  expect(await run.job.ended).toMatchObject(cancelled);
  expect(await run.answer()).toMatchObject({ exit: 126, stdout_dropped: 11, end: cancelled });
  expect(await run.table.list()).toMatchObject([{ reqid: run.reqid, state: "ended" }]);
  expect(run.table.withdraw(run.reqid, "")).toEqual({ kind: "known" });
  expect(run.faults).toEqual([expect.stringContaining("a part of its path is not a folder")]);
  const refused = await run.table.start(jobs.order("true"));
  const problem = `Cannot keep runs in ${run.all}: it is not a folder`;
  expect(refused).toEqual({ kind: "no-room", problem });
});

test("what a script printed is cut or removed: the end is told, and how much is gone", async () => {
  await using jobs = await TestJobs.create();
  const run = await Run.start(jobs);
  const file = join(run.folder, "stdout");
  await run.end();
  truncateSync(file, 5);
  const none = { exit: 7, stdout: "", stdout_dropped: 14, stderr: "" };
  expect(await answerOf(run.job)).toMatchObject(none);
  expect(await run.answer()).toMatchObject({ exit: 7, stdout: "01234", stdout_dropped: 9 });
  rmSync(file);
  for (const answer of [await answerOf(run.job), await run.answer()])
    expect(answer).toMatchObject(none);
  expect(run.faults).toEqual([`Cannot use ${file}: it is shorter than it was`]);
});

test("the folder of a run that an earlier agent has started is removed: the next one learns its end", async () => {
  await using jobs = await TestJobs.create();
  const run = await Run.start(jobs);
  run.table.close();
  const next = await jobs.table();
  const job = next.find(run.reqid);
  if (job === undefined) throw new Error("the run is not known");
  // What is followed is looked at more often.
  const events = job.follow(NO_OFFSETS, new AbortController().signal, false);
  for (const kind of ["begin", "output"])
    expect((await events[Symbol.asyncIterator]().next()).value).toMatchObject({ kind });
  rmSync(run.folder, { recursive: true });
  const rest = Array.fromAsync(events, ({ kind }) => kind);
  await until("it is made again", () => run.faults.length > 0);
  run.goOn();
  expect(await rest).toEqual(["dropped", "end"]);
  expect(await job.ended).toMatchObject({ state: "ended", exit: 7, stdout_bytes: 14 });
  expect(await run.answer(next)).toMatchObject({ exit: 7, stdout: "", stdout_dropped: 14 });
});
