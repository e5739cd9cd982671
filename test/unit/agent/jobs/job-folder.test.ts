/** What a job's folder holds, and what becomes of it. */
import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from "node:fs";
import { join } from "node:path";
import { JobFolder, type JobHead } from "../../../../src/agent/jobs/job-folder.ts";
import { jobsFolderOf } from "../../../../src/agent/jobs/jobs-folder.ts";
import { noteSpots } from "../../../../src/agent/jobs/secret-spots.ts";
import { TestFolder } from "../../../support/folder.ts";
import { openFiles } from "../../../support/processes.ts";

const HEAD: JobHead = {
  reqid: "0123456789abcdef",
  script: "s",
  args: [],
  username: "u",
  peer_ip: "::1",
  asked: "2026-01-01T00:00:00Z",
  shim: { pid: 1, start: 1, boot: "b" },
};

function made(folder: TestFolder): JobFolder {
  const job = new JobFolder(folder.join("0".repeat(32)));
  job.create(HEAD);
  return job;
}

test("it is for its owner alone, and made once", () => {
  using folder = new TestFolder();
  const job = made(folder);
  expect(statSync(job.path).mode & 0o777).toBe(0o700);
  expect(job.name).toBe("0".repeat(32));
  expect(() => job.create(HEAD)).toThrow("EEXIST");
  // Somebody has put a file there already.
  const other = new JobFolder(folder.join("1".repeat(32)));
  expect(() => other.add({ logged: true })).toThrow("ENOENT");
});

test("it tells how much it holds, and when that changed", () => {
  using folder = new TestFolder();
  const job = made(folder);
  expect(job.kept).toEqual({ stdout: 0, stderr: 0 });
  folder.write(`${job.name}/stdout`, "abc");
  folder.write(`${job.name}/stderr`, "de");
  expect(job.kept).toEqual({ stdout: 3, stderr: 2 });
  utimesSync(job.path, 1000, 1000);
  expect(job.time).toBe(1_000_000);
  job.remove();
  expect([existsSync(job.path), job.time, job.linesLength]).toEqual([false, undefined, 0]);
  job.remove();
});

test("it is missing once it, or what says what is known of the job, was removed, and is made again", () => {
  using folder = new TestFolder();
  const job = made(folder);
  const lines = join(job.path, "job.jsonl");
  expect([job.isMissing, job.linesLength]).toEqual([false, statSync(lines).size]);
  rmSync(lines);
  expect(job.isMissing).toBe(true);
  expect(job.createAnew(HEAD)).toBe(statSync(lines).size);
  expect(() => job.createAnew(HEAD)).toThrow("EEXIST");
  rmSync(folder.path, { recursive: true });
  expect(job.isMissing).toBe(true);
  job.createAnew(HEAD);
  expect([job.isMissing, job.read().request]).toEqual([false, HEAD]);
  expect(statSync(job.path).mode & 0o777).toBe(0o700);
  // Something else has taken its place.
  rmSync(job.path, { recursive: true });
  folder.write(job.name, "");
  expect(job.isMissing).toBe(true);
  rmSync(job.path);
  symlinkSync(job.path, job.path);
  expect(job.isMissing).toBe(false);
});

test("what is left of one that was not removed whole goes too", () => {
  using folder = new TestFolder();
  const job = made(folder);
  folder.write(`${job.name}/stdout`, "abc");
  rmSync(join(job.path, "job.jsonl"));
  job.remove();
  expect(existsSync(job.path)).toBe(false);
});

test("an end that was asked for is there whole, for its owner alone", () => {
  using folder = new TestFolder();
  const job = made(folder);
  expect(job.readCancel()).toBeUndefined();
  for (const left of [undefined, 2]) {
    const cancel = { by: "alice", graceMs: 5, ...(left === undefined ? {} : { left }) };
    job.writeCancel(cancel);
    expect(job.readCancel()).toEqual(cancel);
  }
  expect(readdirSync(job.path).sort()).toEqual(["cancel.json", "job.jsonl"]);
  expect(statSync(join(job.path, "cancel.json")).mode & 0o777).toBe(0o600);
  folder.write(`${job.name}/cancel.json`, "{");
  expect(job.readCancel()).toBeUndefined();
});

test("T27 an output is read from anywhere, with the token or without", () => {
  using folder = new TestFolder();
  const job = made(folder);
  folder.write(`${job.name}/stdout`, "a SECRET b");
  noteSpots(job.fileOf("stdout"), [{ at: 2, length: 6 }]);
  const read = (offset: number, length: number, hide: boolean) => {
    const into = Buffer.alloc(length);
    return into.subarray(0, job.readOutput("stdout", offset, into, hide)).toString();
  };
  expect([read(0, 20, false), read(4, 3, false), read(10, 5, false)]).toEqual([
    "a SECRET b",
    "CRE",
    "",
  ]);
  expect(read(0, 20, true)).not.toContain("SECRET");
  expect(read(4, 3, true)).not.toContain("CRE");
  expect(() => job.readOutput("stderr", 0, Buffer.alloc(1), false)).toThrow("ENOENT");
  expect(openFiles(process.pid).filter((file) => file.startsWith(job.path))).toEqual([]);
});

test("T71 what a link leads to is not a word about a job", () => {
  using folder = new TestFolder();
  const job = made(folder);
  const elsewhere = folder.write("cancel", '{"by":"mallory","graceMs":0}');
  symlinkSync(elsewhere, join(job.path, "cancel.json"));
  expect(job.readCancel()).toBeUndefined();
  const other = new JobFolder(folder.join("1".repeat(32)));
  mkdirSync(other.path);
  symlinkSync(join(job.path, "job.jsonl"), join(other.path, "job.jsonl"));
  expect(other.read()).toEqual({});
});

test("a line for which the disk has room in part is an error", () => {
  using folder = new TestFolder();
  const job = made(folder);
  const module = join(import.meta.dir, "../../../../src/agent/jobs/job-folder.ts");
  const code = `const { JobFolder } = await import(${JSON.stringify(module)});
    const job = new JobFolder(${JSON.stringify(job.path)});
    const text = "x".repeat(60_000);
    for (let line = 0; line < 9; line++) {
      try { job.add({ text }); } catch (error) { console.log(error.code); break; }
    }`;
  const shell = `trap "" XFSZ; ulimit -f 100; exec "$0" -e "$1"`;
  const { stdout } = Bun.spawnSync(["sh", "-c", shell, process.execPath, code]);
  expect(stdout.toString()).toBe("ENOSPC\n");
  expect(job.read()).toMatchObject({ request: { reqid: HEAD.reqid } });
});

test("the folder of all jobs is where the service may write", () => {
  using folder = new TestFolder();
  const cert = folder.join("conf/agent.crt");
  expect(jobsFolderOf({ cert })).toBe(folder.join("conf/jobs"));
  mkdirSync(folder.join("conf"));
  symlinkSync(folder.join("state/agent.crt"), cert);
  expect(jobsFolderOf({ cert })).toBe(folder.join("state/jobs"));
});
