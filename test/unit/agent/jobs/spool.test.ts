/** Which jobs are kept, for how long, and what is said of those that are not. */
import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { recordIn } from "../../../../src/agent/jobs/job-records.ts";
import { newJobName } from "../../../../src/agent/jobs/jobs-folder.ts";
import { OpenJob } from "../../../../src/agent/jobs/open-job.ts";
import { Spool } from "../../../../src/agent/jobs/spool.ts";
import { parseAgentConfig } from "../../../../src/core/config/agent-config.ts";
import type { AgentEvent } from "../../../../src/core/events.ts";
import type { RunEnding } from "../../../../src/core/run-event.ts";
import { bootId } from "../../../../src/system/process/process-table.ts";
import { TestFolder } from "../../../support/folder.ts";

/** A job's folder and its lines, and a block for each stream that has something. */
const LEAST = 8192 + 4096;

let folder: TestFolder;
beforeEach(() => {
  folder = new TestFolder();
});
afterEach(() => {
  jest.useRealTimers();
  folder[Symbol.dispose]();
});

async function spoolWith(...lines: readonly string[]) {
  const { config } = await parseAgentConfig("agent.conf", ["port = 7443", ...lines].join("\n"));
  const logged: AgentEvent[] = [];
  let looks = 0;
  const spool = new Spool({
    folder: folder.join("jobs"),
    config: () => {
      looks += 1;
      return config;
    },
    now: () => new Date(Date.now()),
    log: (event) => void logged.push(event as AgentEvent),
  });
  let count = 0;
  /** One that has ended, as its folder says. */
  const ended = (script = "s", end: Partial<RunEnding> = {}, boot = bootId()): OpenJob => {
    count += 1;
    const time = new Date(Date.now()).toISOString();
    const request = {
      reqid: count.toString(16).padStart(16, "0"),
      script,
      args: [],
      username: "u",
      peer_ip: "::1",
      asked: time,
    };
    const shim = { pid: 1, start: 1, boot };
    const name = newJobName();
    const job = new OpenJob(spool.folderOf(name), request, spool);
    job.linesLength = spool.create(job, shim);
    job.shim = shim;
    const ending: RunEnding = {
      state: "ended",
      exit: 0,
      started: time,
      ended: time,
      stdout_bytes: 0,
      stderr_bytes: 0,
      ...end,
    };
    job.folder.add({ end: ending });
    job.end(ending);
    return job;
  };
  /** One that runs. */
  const running = (): OpenJob => {
    const { folder: made, request, shim } = ended();
    const name = newJobName();
    const job = new OpenJob(spool.folderOf(name), request, spool);
    job.shim = shim;
    made.remove();
    spool.create(job, { pid: 1, start: 1, boot: bootId() });
    return job;
  };
  return { spool, ended, running, logged, looks: () => looks };
}

const isThere = (job: OpenJob) => existsSync(job.folder.path);

test("what is kept is found and listed, newest first, as long as its folder is there", async () => {
  const { spool, ended } = await spoolWith();
  const [one, other] = [ended(), ended()];
  for (const job of [one, other]) spool.keep(job, Date.now(), true);
  expect([one, other].map(({ request }) => spool.has(request.reqid))).toEqual([true, true]);
  expect(spool.find(one.request.reqid)?.facts).toEqual(one.facts);
  expect(await spool.list(10)).toEqual([other.facts, one.facts]);
  expect(await spool.list(1)).toEqual([other.facts]);
  // Somebody removes it.
  rmSync(other.folder.path, { recursive: true });
  expect([spool.has(other.request.reqid), spool.find(other.request.reqid)]).toEqual([
    true,
    undefined,
  ]);
  expect(await spool.list(10)).toEqual([one.facts]);
  expect([spool.has("f".repeat(16)), spool.find("f".repeat(16))]).toEqual([false, undefined]);
  spool.close();
});

test("a job that is opened again is as its folder says, and its end is known at once", async () => {
  const { spool, ended } = await spoolWith();
  const job = ended("s", { stdout_bytes: 3 });
  job.folder.add({
    start: { root: { pid: 1, start: 1, boot: "b" }, started: "2026-01-01T00:00:00Z" },
  });
  folder.write(`jobs/${job.name}/stdout`, "abc");
  const record = recordIn(job.folder);
  if (record === undefined) throw new Error("no record");
  const again = spool.jobOf(job.folder, record);
  expect([again.started, again.keptBytes, again.bytes]).toEqual([
    "2026-01-01T00:00:00Z",
    3,
    LEAST + 4096,
  ]);
  expect([again.shim, await again.ended]).toEqual([record.head.shim, job.ending]);
  const open = spool.jobOf(job.folder, { ...record, start: undefined, ending: undefined });
  expect([open.started, open.ending]).toEqual([undefined, undefined]);
});

test("T72 what runs takes room from what is kept, until it has ended itself", async () => {
  const { spool, ended } = await spoolWith(`run_spool = ${3 * LEAST}`);
  const [one, other] = [ended(), ended()];
  for (const job of [one, other]) spool.keep(job, Date.now(), true);
  spool.grew(0);
  const running = ended();
  spool.grew(running.grew({ stdout: LEAST, stderr: 0 }));
  expect([one, other].map(isThere)).toEqual([true, true]);
  spool.grew(running.grew({ stdout: LEAST + 1, stderr: 0 }));
  expect([one, other].map(isThere)).toEqual([false, true]);
  // From now on it counts as one that is kept, with what its folder takes.
  running.grew({ stdout: 0, stderr: 0 });
  spool.grew(-(LEAST + 1));
  spool.keep(running, Date.now(), true);
  expect([other, running].map(isThere)).toEqual([true, true]);
  spool.keep(ended(), Date.now(), true);
  expect([other, running].map(isThere)).toEqual([true, true]);
  spool.keep(ended(), Date.now(), true);
  expect([other, running].map(isThere)).toEqual([false, true]);
  spool.close();
});

test("what goes is not known any more: the agent is not sure of runs before", async () => {
  jest.useFakeTimers();
  const { spool, ended } = await spoolWith(`run_spool = ${LEAST}`);
  jest.advanceTimersByTime(10_000);
  spool.keep(ended(), Date.now() - 5_000, true);
  const before = spool.known.sinceMs;
  expect(before).toBeGreaterThan(5_000);
  spool.keep(ended(), Date.now(), true);
  expect(spool.known.sinceMs).toBe(5_000);
  spool.close();
});

test("what is too old goes by itself, when its time has come", async () => {
  jest.useFakeTimers();
  const { spool, ended, looks } = await spoolWith("run_retention = 100");
  const pass = async (seconds: number) => {
    jest.advanceTimersByTime(seconds * 1000);
    for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate);
  };
  const one = ended();
  spool.keep(one, Date.now(), true);
  const before = looks();
  await pass(50);
  // Nobody looks before that.
  expect(looks()).toBe(before);
  const other = ended();
  spool.keep(other, Date.now(), true);
  await pass(49);
  expect([one, other].map(isThere)).toEqual([true, true]);
  await pass(2);
  await pass(2);
  expect([one, other].map(isThere)).toEqual([false, true]);
  await pass(52);
  expect([one, other].map(isThere)).toEqual([false, false]);
  const last = ended();
  spool.keep(last, Date.now(), true);
  spool.close();
  await pass(200);
  expect(isThere(last)).toBe(true);
});

test("of a script, those that are lost and may still run", async () => {
  const { spool, ended } = await spoolWith();
  const lost = ended("deploy", { state: "lost", exit: -1, error: "?" });
  const jobs = [
    lost,
    ended("other", { state: "lost", exit: -1, error: "?" }),
    ended("deploy"),
    // The host went down since.
    ended("deploy", { state: "lost", exit: -1, error: "?" }, "the boot before"),
  ];
  for (const job of jobs) spool.keep(job, Date.now(), true);
  expect(spool.lostOf("deploy").map(({ request }) => request.reqid)).toEqual([lost.request.reqid]);
  // Something of it may go on, whatever has become of its folder.
  rmSync(lost.folder.path, { recursive: true });
  expect(spool.lostOf("deploy")).toHaveLength(1);
  spool.close();
});

test("T71 a folder of all jobs that others may open takes none", async () => {
  const { ended } = await spoolWith();
  folder.write("jobs/x", "");
  expect(() => ended()).toThrow("others may open it");
});

test("which runs are known is noted when the folder of all jobs is made, and not for each of them", async () => {
  const { spool, ended } = await spoolWith();
  const note = folder.join("jobs/known-since");
  ended();
  const noted = readFileSync(note, "utf8");
  writeFileSync(note, "");
  ended();
  expect(readFileSync(note, "utf8")).toBe("");
  spool.doubt();
  ended();
  expect(JSON.parse(readFileSync(note, "utf8"))).toMatchObject({ boot: JSON.parse(noted).boot });
});

test("the folder of a job is removed: its end is noted in a new one, and what it held is gone", async () => {
  const { spool, ended, running, logged } = await spoolWith();
  const job = running();
  spool.grew(job.grew({ stdout: 5000, stderr: 0 }));
  rmSync(folder.join("jobs"), { recursive: true });
  const { ending } = ended();
  rmSync(folder.join("jobs"), { recursive: true });
  if (ending === undefined) throw new Error("it has not ended");
  for (const isWritten of [true, false]) expect(spool.noteEnd(job, ending, isWritten)).toBe(true);
  expect(recordIn(job.folder)).toMatchObject({ ending, logged: true });
  expect(job.keptBytes).toBe(0);
  // What an agent needs that comes later.
  expect(existsSync(folder.join("jobs/known-since"))).toBe(true);
  const { reqid, script } = job.request;
  const error = `Cannot use ${job.folder.path}: no such file or folder`;
  expect(logged).toEqual([{ event: "run-folder-fail", error, reqid, script }]);
});

test("T71 not in a folder of all jobs that others may open", async () => {
  const { spool, running, ended } = await spoolWith();
  const [job, { ending }] = [running(), ended()];
  if (ending === undefined) throw new Error("it has not ended");
  rmSync(job.folder.path, { recursive: true });
  chmodSync(folder.join("jobs"), 0o777);
  expect(spool.noteEnd(job, ending, true)).toBe(false);
  expect(isThere(job)).toBe(false);
});

test("T72 what one run holds that has ended is not what the others hold", async () => {
  const { spool, ended, running } = await spoolWith(`run_spool = ${3 * LEAST}`);
  const other = running();
  spool.grew(other.grew({ stdout: 2 * LEAST, stderr: 0 }));
  const one = ended();
  spool.grew(one.grew({ stdout: 10, stderr: 0 }));
  spool.keep(one, Date.now(), true);
  expect(isThere(one)).toBe(false);
  spool.close();
});

test("the folder of a job that has ended is not made again", async () => {
  const { spool, ended } = await spoolWith();
  const job = ended();
  job.grew({ stdout: 3, stderr: 0 });
  rmSync(job.folder.path, { recursive: true });
  expect(() => [...job.output("stdout", false).chunks()]).toThrow("ENOENT");
  expect(isThere(job)).toBe(false);
  spool.close();
});
