/** A job whose folder is at hand: what it says of itself as it goes on. */
import { describe, expect, test } from "bun:test";
import { rmSync, truncateSync } from "node:fs";
import { bytesOnDisk, JobFolder, type JobRequest } from "../../../../src/agent/jobs/job-folder.ts";
import { newJobName } from "../../../../src/agent/jobs/jobs-folder.ts";
import { Holds, OpenJob } from "../../../../src/agent/jobs/open-job.ts";
import type { RunEnding } from "../../../../src/core/run-event.ts";
import { bootId } from "../../../../src/system/process/process-table.ts";
import { TestFolder } from "../../../support/folder.ts";

const ASKED = "2026-01-01T00:00:00.000Z";
const STARTED = "2026-01-01T00:00:01.000Z";
const REQUEST: JobRequest = {
  reqid: "0123456789abcdef",
  script: "deploy",
  args: [],
  username: "alice",
  peer_ip: "::1",
  asked: ASKED,
};
const ENDING: RunEnding = {
  state: "ended",
  exit: 0,
  started: STARTED,
  ended: "2026-01-01T00:00:02.000Z",
  stdout_bytes: 10,
  stderr_bytes: 0,
};
const SHIM = { pid: 1, start: 1, boot: bootId() };

function made(folder: TestFolder) {
  const holds = new Holds();
  const faults: string[] = [];
  const damaged = (_: OpenJob, file: string) => void faults.push(file);
  const jobFolder = new JobFolder(folder.join(newJobName()));
  jobFolder.create({ ...REQUEST, shim: SHIM });
  const job = new OpenJob(jobFolder, REQUEST, { holds, damaged });
  return { job, holds, jobFolder, faults };
}

const never = new AbortController().signal;

test("its facts and its beginning are those of the moment", () => {
  using folder = new TestFolder();
  const { job } = made(folder);
  const facts = { reqid: REQUEST.reqid, script: "deploy", username: "alice" };
  const begin = { kind: "begin", reqid: REQUEST.reqid, script: "deploy" } as const;
  expect(job.facts).toEqual({ ...facts, state: "running", started: "", ended: undefined });
  expect(job.begin).toEqual({ ...begin, started: ASKED });
  job.begins(STARTED);
  expect(job.facts).toMatchObject({ state: "running", started: STARTED });
  expect(job.begin.started).toBe(STARTED);
  job.end({ ...ENDING, started: "" });
  expect(job.facts).toEqual({ ...facts, state: "ended", started: "", ended: ENDING.ended });
});

test("who waits for a change hears of its start, of what it prints and of its end, and of nothing else", async () => {
  using folder = new TestFolder();
  const { job } = made(folder);
  const isTold = async (change: () => void) => {
    const changed = job.changed().then(() => true);
    change();
    return await Promise.race([changed, new Promise((over) => setImmediate(over, false))]);
  };
  expect(await isTold(() => job.begins(STARTED))).toBe(true);
  expect(await isTold(() => expect(job.grew({ stdout: 3, stderr: 4 })).toBe(7))).toBe(true);
  expect(await isTold(() => expect(job.grew({ stdout: 3, stderr: 4 })).toBe(0))).toBe(false);
  expect(await isTold(() => expect(job.grew({ stdout: 5, stderr: 4 })).toBe(2))).toBe(true);
  expect(await isTold(() => job.end(ENDING))).toBe(true);
  expect([job.kept("stdout"), job.kept("stderr"), job.keptBytes]).toEqual([5, 4, 9]);
  job.settle(ENDING);
  expect(await job.ended).toBe(ENDING);
});

test("it takes whole blocks of the disk for each file, and something for its folder", () => {
  using folder = new TestFolder();
  const { job } = made(folder);
  expect(job.bytes).toBe(8192);
  job.linesLength = 1;
  job.grew({ stdout: 4096, stderr: 4097 });
  expect(job.bytes).toBe(8192 + 4096 + 4096 + 8192);
  expect(bytesOnDisk(0, { stdout: 0, stderr: 1 })).toBe(8192 + 4096);
});

test.each([
  [{ state: "lost" }, bootId(), true],
  [{ state: "lost" }, "the boot before", false],
  [{ state: "ended" }, bootId(), false],
] as const)(
  "it may go on if its end was not seen, and the host has not gone down: %j",
  (end, boot, isLost) => {
    using folder = new TestFolder();
    const { job } = made(folder);
    job.shim = { ...SHIM, boot };
    expect(job.isLost).toBe(false);
    job.end({ ...ENDING, ...end });
    expect(job.isLost).toBe(isLost);
  },
);

test("its folder is held while somebody reads it, and as long as each who holds it does", async () => {
  using folder = new TestFolder();
  const { job, holds, jobFolder } = made(folder);
  const [one, two] = [job.hold(), job.hold()];
  one();
  one();
  expect(holds.has(jobFolder)).toBe(true);
  two();
  expect(holds.has(jobFolder)).toBe(false);
  const events = job.follow({ stdout: 0, stderr: 0 }, never, false);
  await events.next();
  const others = job.follow({ stdout: 0, stderr: 0 }, never, false);
  await others.next();
  await others.return(undefined);
  expect([holds.has(jobFolder), job.isRead]).toEqual([true, true]);
  await events.return(undefined);
  expect([holds.has(jobFolder), job.isRead]).toEqual([false, false]);
});

describe("its output", () => {
  const output = (text: string, printed?: number, more = "") => {
    const folder = new TestFolder();
    const { job, jobFolder, faults } = made(folder);
    folder.write(`${jobFolder.name}/stdout`, text);
    job.grew(jobFolder.kept);
    // Its shim has written that, and not told it yet.
    folder.write(`${jobFolder.name}/stdout`, text + more);
    if (printed !== undefined) job.end({ ...ENDING, stdout_bytes: printed });
    const { bytes, dropped, chunks } = job.output("stdout", false);
    return {
      bytes,
      dropped,
      chunks,
      file: jobFolder.fileOf("stdout"),
      faults,
      [Symbol.dispose]: () => folder[Symbol.dispose](),
    };
  };

  test("is read in pieces, from its beginning each time", () => {
    const text = "abc".repeat(100_000);
    using it = output(text, undefined, "more".repeat(10_000));
    expect([it.bytes, it.dropped]).toEqual([300_000, 0]);
    for (let time = 0; time < 2; time += 1) {
      const pieces = [...it.chunks()].map((piece) => Buffer.from(piece).toString());
      expect(pieces.map(({ length }) => length)).toEqual([262_144, 37_856]);
      expect(pieces.join("")).toBe(text);
    }
  });

  test.each([
    [12, 9],
    [3, 0],
    [1, 0],
  ])("of which %d bytes were printed lacks %d", (printed, dropped) => {
    using it = output("abc", printed);
    expect(it.dropped).toBe(dropped);
  });

  test("that was cut meanwhile is an error, and no shorter output", () => {
    using it = output("abcdef");
    truncateSync(it.file, 0);
    expect(() => [...it.chunks()]).toThrow("it is shorter than it was");
    expect(it.faults).toEqual([it.file]);
  });
});

test("what cannot be read for want of descriptors is not a gap in what was printed", () => {
  using folder = new TestFolder();
  const { job, jobFolder, faults } = made(folder);
  const read = (code: string) => {
    Object.assign(jobFolder, {
      readOutput() {
        throw Object.assign(new Error(code), { code });
      },
    });
    return () => job.read("stdout", 0, Buffer.alloc(1), false);
  };
  expect(read("EMFILE")).toThrow("EMFILE");
  expect(read("ENOENT")()).toBe(0);
  expect(faults).toEqual(Array(2).fill(jobFolder.fileOf("stdout")));
});

test("its processes are those that its folder names", () => {
  using folder = new TestFolder();
  const { job, jobFolder } = made(folder);
  expect([job.name, job.root, job.remains]).toEqual([jobFolder.name, undefined, []]);
  const root = { ...SHIM, pid: 2 };
  jobFolder.add({ start: { root, started: STARTED } });
  job.noteRemains([SHIM]);
  expect([job.root, job.remains]).toEqual([root, [SHIM]]);
});

test("who has asked for its end is named with it, also if its shim could not be told", () => {
  using folder = new TestFolder();
  const { job } = made(folder);
  expect(job.told(ENDING)).toBe(ENDING);
  rmSync(job.folder.path, { recursive: true });
  job.note({ by: "bob", graceMs: 5 });
  expect(job.told(ENDING)).toEqual({ ...ENDING, cancelled: true, cancelled_by: "bob" });
  const told: RunEnding = { ...ENDING, cancelled: true, cancelled_by: "alice" };
  expect(job.told(told)).toBe(told);
  const lost: RunEnding = { ...ENDING, state: "lost" };
  expect(job.told(lost)).toBe(lost);
});

test("who has asked for its end is told to its shim", () => {
  using folder = new TestFolder();
  const { job, jobFolder } = made(folder);
  job.note({ by: "bob", graceMs: 5 });
  expect(jobFolder.readCancel()).toEqual({ by: "bob", graceMs: 5 });
});
