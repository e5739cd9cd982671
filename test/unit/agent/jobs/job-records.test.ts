import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { JobFolder, type JobHead } from "../../../../src/agent/jobs/job-folder.ts";
import {
  endingIn,
  headIn,
  startIn,
  unfinishedCancelIn,
} from "../../../../src/agent/jobs/job-records.ts";
import { jobNamesIn, newJobName, openJobsFolder } from "../../../../src/agent/jobs/jobs-folder.ts";
import type { RunEnding } from "../../../../src/core/run-event.ts";
import { TestFolder } from "../../../support/folder.ts";

const TIME = "2026-01-01T00:00:00.123Z";
const PROCESS = { pid: 12, start: 34, boot: "b" };
const HEAD: JobHead = {
  reqid: "0123456789abcdef",
  script: "s",
  args: ["a"],
  username: "u",
  peer_ip: "::1",
  asked: TIME,
  shim: PROCESS,
};
const ENDING: RunEnding = {
  state: "ended",
  exit: 3,
  signal: "SIGTERM",
  cancelled: true,
  cancelled_by: "alice",
  started: TIME,
  ended: TIME,
  stdout_bytes: 5,
  stderr_bytes: 0,
};

describe("a folder", () => {
  test("says what was written into it", () => {
    using folder = new TestFolder();
    const job = new JobFolder(folder.join(newJobName()));
    expect([headIn(job), startIn(job), endingIn(job), unfinishedCancelIn(job)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    job.create(HEAD);
    job.writeStarted({ root: PROCESS, started: TIME });
    job.writeCancel({ by: "alice", graceMs: 10 });
    job.writeEnding(ENDING);
    expect(headIn(job)).toEqual(HEAD);
    expect(startIn(job)).toEqual({ root: PROCESS, started: TIME });
    expect(endingIn(job)).toEqual(ENDING);
    expect(unfinishedCancelIn(job)).toEqual({ by: "alice", graceMs: 10 });
    job.writeCancel({ by: "alice", graceMs: 10, left: 0 });
    expect(unfinishedCancelIn(job)).toBeUndefined();
    expect(job.cancelledBy).toBe("alice");
    expect(job.isLogged).toBe(false);
    job.markLogged();
    expect(job.isLogged).toBe(true);
    job.remove();
    expect(existsSync(job.path)).toBe(false);
  });

  const { signal: _, ...UNSIGNALLED } = ENDING;

  test.each<[string, RunEnding | undefined]>([
    ["", undefined],
    ["{", undefined],
    ["null", undefined],
    [JSON.stringify({ ...ENDING, state: "running" }), undefined],
    [JSON.stringify({ ...ENDING, exit: "3" }), undefined],
    [JSON.stringify({ ...ENDING, ended: "" }), undefined],
    [JSON.stringify({ ...ENDING, stdout_bytes: -1 }), undefined],
    [JSON.stringify({ ...ENDING, signal: 15 }), UNSIGNALLED],
  ])("that was cut, or written by another version, has no end: %s", (text, expected) => {
    using folder = new TestFolder();
    const job = new JobFolder(folder.path);
    writeFileSync(folder.join("end.json"), text);
    expect(endingIn(job)).toEqual(expected);
  });
});

describe("T71 the folder of all jobs", () => {
  test("is made for its owner alone, and holds what is named as jobs are", () => {
    using folder = new TestFolder();
    const jobs = folder.join("jobs");
    expect(jobNamesIn(jobs)).toEqual([]);
    openJobsFolder(jobs);
    expect(statSync(jobs).mode & 0o777).toBe(0o700);
    const name = newJobName();
    for (const entry of [name, "..bad", "A".repeat(32), `${name}0`]) mkdirSync(`${jobs}/${entry}`);
    expect(jobNamesIn(jobs)).toEqual([name]);
    openJobsFolder(jobs);
  });

  test.each([
    ["others may open it", (jobs: string) => mkdirSync(jobs, { mode: 0o750 })],
    ["it is no folder", (jobs: string) => writeFileSync(jobs, "")],
    ["it is no folder", (jobs: string) => symlinkSync("/tmp", jobs)],
  ])("is not used if %s", (problem, make) => {
    using folder = new TestFolder();
    make(folder.join("jobs"));
    expect(() => openJobsFolder(folder.join("jobs"))).toThrow(problem);
  });
});
