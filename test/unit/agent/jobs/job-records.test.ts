import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { JobFolder, type JobHead } from "../../../../src/agent/jobs/job-folder.ts";
import {
  cancelIn,
  recordIn,
  remainsIn,
  unfinishedCancelIn,
} from "../../../../src/agent/jobs/job-records.ts";
import { jobNamesIn, newJobName, openJobsFolder } from "../../../../src/agent/jobs/jobs-folder.ts";
import type { RunEnding } from "../../../../src/core/run-event.ts";
import { bootId } from "../../../../src/system/process/process-table.ts";
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

/** A job that has been asked for, with these texts added to its lines. */
function jobWith(folder: TestFolder, ...texts: readonly string[]): JobFolder {
  const job = new JobFolder(folder.join(newJobName()));
  job.create(HEAD);
  appendFileSync(`${job.path}/job.jsonl`, texts.join(""));
  return job;
}

describe("a folder", () => {
  test("says what was written into it", () => {
    using folder = new TestFolder();
    const job = new JobFolder(folder.join(newJobName()));
    expect([recordIn(job), unfinishedCancelIn(job)]).toEqual([undefined, undefined]);
    expect(job.create(HEAD)).toBe(job.linesLength);
    const record = { head: HEAD, start: undefined, ending: undefined, logged: false };
    expect(recordIn(job)).toEqual(record);
    const start = { root: PROCESS, started: TIME };
    job.add({ start });
    expect(recordIn(job)).toEqual({ ...record, start });
    job.writeCancel({ by: "alice", graceMs: 10 });
    expect(unfinishedCancelIn(job)).toEqual({ by: "alice", graceMs: 10 });
    job.writeCancel({ by: "alice", graceMs: 10, left: 0 });
    expect(unfinishedCancelIn(job)).toBeUndefined();
    expect(cancelIn(job)).toEqual({ by: "alice", graceMs: 10, left: 0 });
    job.add({ end: ENDING }, { logged: true });
    expect(recordIn(job)).toEqual({ head: HEAD, start, ending: ENDING, logged: true });
    const here = { ...PROCESS, boot: bootId() };
    job.add({ remains: [here, { ...PROCESS, boot: "another" }] });
    expect(remainsIn(job)).toEqual([here]);
    job.add({ remains: [] });
    expect(remainsIn(job)).toEqual([]);
    expect(statSync(`${job.path}/job.jsonl`).mode & 0o777).toBe(0o600);
    job.remove();
    expect(existsSync(job.path)).toBe(false);
    expect(() => job.add({ logged: true })).toThrow("ENOENT");
  });

  test("whose last line a full disk has cut takes the next one whole", () => {
    using folder = new TestFolder();
    const job = jobWith(folder, `\n${JSON.stringify({ end: ENDING }).slice(0, 40)}`);
    expect(recordIn(job)).toMatchObject({ head: HEAD, ending: undefined });
    job.add({ end: ENDING });
    expect(recordIn(job)).toMatchObject({ head: HEAD, ending: ENDING });
  });

  const { signal: _, ...UNSIGNALLED } = ENDING;
  const line = (end: object) => `\n${JSON.stringify({ end })}`;

  test.each<[string, RunEnding | undefined]>([
    ["", undefined],
    ["{", undefined],
    ["\nnull", undefined],
    ['\n"end"', undefined],
    [line({ ...ENDING, state: "running" }), undefined],
    [line({ ...ENDING, exit: "3" }), undefined],
    [line({ ...ENDING, ended: "" }), undefined],
    [line({ ...ENDING, stdout_bytes: -1 }), undefined],
    [line({ ...ENDING, signal: 15 }), UNSIGNALLED],
  ])("that was cut, or written by another version, has no end: %s", (text, expected) => {
    using folder = new TestFolder();
    expect(recordIn(jobWith(folder, text))?.ending).toEqual(expected);
  });

  test("without its first line is not a job", () => {
    using folder = new TestFolder();
    const job = new JobFolder(folder.path);
    writeFileSync(folder.join("job.jsonl"), line(ENDING));
    expect(recordIn(job)).toBeUndefined();
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
    ["others may open it; chmod 700", (jobs: string) => mkdirSync(jobs, { mode: 0o750 })],
    ["others may open it; chmod 700", (jobs: string) => mkdirSync(jobs, { mode: 0o555 })],
    [
      "its owner may not write in it; chmod 700",
      (jobs: string) => mkdirSync(jobs, { mode: 0o500 }),
    ],
    ["it is not a folder", (jobs: string) => writeFileSync(jobs, "")],
    ["it is not a folder", (jobs: string) => symlinkSync("/tmp", jobs)],
  ])("is not used if %s", (problem, make) => {
    using folder = new TestFolder();
    make(folder.join("jobs"));
    expect(() => openJobsFolder(folder.join("jobs"))).toThrow(problem);
  });
});

if (process.getuid?.() === 0) {
  test("T71 a folder of all jobs that belongs to another user is not used", () => {
    using folder = new TestFolder();
    const jobs = folder.join("jobs");
    openJobsFolder(jobs);
    chownSync(jobs, 65_534, 65_534);
    expect(() => openJobsFolder(jobs)).toThrow("it belongs to another user");
  });
}

describe("what is not as this version writes it", () => {
  const record = (...lines: readonly object[]) => {
    using folder = new TestFolder();
    return recordIn(jobWith(folder, ...lines.map((line) => `\n${JSON.stringify(line)}`)));
  };

  test.each([
    { reqid: 1 },
    { script: 1 },
    { args: "a" },
    { args: [1] },
    { username: 1 },
    { peer_ip: 1 },
    { asked: "yesterday" },
    { asked: 1 },
    { shim: undefined },
    { shim: { ...PROCESS, pid: -1 } },
    { shim: { ...PROCESS, start: 1.5 } },
    { shim: { ...PROCESS, boot: 1 } },
  ])("makes no job of a request: %j", (change) => {
    expect(record({ request: { ...HEAD, ...change } })).toBeUndefined();
  });

  test.each([{ root: { pid: 12 } }, { started: "" }, { root: undefined }])(
    "is not a start: %j",
    (change) => {
      expect(record({ start: { root: PROCESS, started: TIME, ...change } })?.start).toBeUndefined();
    },
  );

  test.each([{ started: 1 }, { stderr_bytes: 0.5 }, { state: "unknown" }, { ended: "never" }])(
    "is not an end: %j",
    (change) => {
      expect(record({ end: { ...ENDING, ...change } })?.ending).toBeUndefined();
    },
  );

  test("is left out of an end where it may be missing", () => {
    const { signal, cancelled, cancelled_by, ...least } = ENDING;
    const odd = { signal: 1, timed_out: 1, cancelled: "yes", cancelled_by: 1, error: 1 };
    expect(record({ end: { ...least, ...odd } })?.ending).toEqual(least);
    const all = { ...ENDING, timed_out: true, error: "e", state: "lost", started: "" } as const;
    expect(record({ end: all }, { logged: "yes" })).toMatchObject({ ending: all, logged: false });
    for (const state of ["ended", "never-ran", "lost"] as const) {
      expect(record({ end: { ...ENDING, state } })?.ending?.state).toBe(state);
    }
  });

  test.each([{ by: 1 }, { graceMs: -1 }, { graceMs: "1" }])(
    "is not an end that was asked for: %j",
    (change) => {
      using folder = new TestFolder();
      const job = jobWith(folder);
      writeFileSync(`${job.path}/cancel.json`, JSON.stringify({ by: "a", graceMs: 0, ...change }));
      expect([cancelIn(job), unfinishedCancelIn(job)]).toEqual([undefined, undefined]);
    },
  );
});
