import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  endJob,
  isJobRunning,
  type JobEnd,
  type JobProcesses,
} from "../../../../src/system/process/end-job.ts";
import { jobMark, withMark } from "../../../../src/system/process/job-mark.ts";
import { identify, isRunning, signalProcess } from "../../../../src/system/process/process-id.ts";
import { DelegatedCgroup } from "../../../support/delegated-cgroup.ts";
import { ROOT } from "../../../support/documents.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { procText } from "../../../support/processes.ts";

const SUPPORT = join(ROOT, "test/support");
const NOBODY = 65_534;
const asRoot = process.getuid?.() === 0;

/** Starts a script as a job is: in a session of its own, under its mark. Its `$1` is the folder. */
function start(folder: TestFolder, script: string, marked = true, runner: readonly string[] = []) {
  const name = randomBytes(16).toString("hex");
  const spawn = () =>
    Bun.spawn([...runner, "/bin/sh", "-c", script, "sh", folder.path], {
      stdio: ["ignore", "ignore", "ignore"],
      detached: true,
    });
  const child = marked ? withMark(jobMark(name), spawn) : spawn();
  const root = identify(child.pid);
  if (root === undefined) throw new Error("it has not started");
  const job: JobProcesses = { name, root, spared: () => [] };
  return {
    job,
    child,
    [Symbol.asyncDispose]: async () => void (await endJob(job, 0)),
  };
}

/** The process whose number was written to that file. */
async function written(folder: TestFolder, name: string): Promise<number> {
  const file = folder.join(name);
  await until(`${name} is written`, () => existsSync(file) && readFileSync(file, "utf8") !== "");
  return Number(readFileSync(file, "utf8"));
}

const runs = (pid: number) => {
  const id = identify(pid);
  return id !== undefined && isRunning(id);
};

/** Ends it in another process. */
async function endedBy(job: JobProcesses, graceMs: number, runner: readonly string[]) {
  const { name, root } = job;
  const facts = [name, `${root.pid}`, `${root.start}`, `${graceMs}`];
  const program = [process.execPath, join(SUPPORT, "end-job-program.ts"), ...facts];
  const ending = Bun.spawn([...runner, ...program], { stdio: ["ignore", "pipe", "inherit"] });
  const outcome: { end: JobEnd; ms: number } = JSON.parse(await ending.stdout.text());
  return outcome;
}

describe("what a script has started is ended", () => {
  test.each([
    ["in its session", "sleep 300 & echo $! >$1/pid; wait", true],
    ["in a session of its own", "setsid sleep 300 & echo $! >$1/pid; wait", false],
    ["orphaned in its session", "(sleep 300 & echo $! >$1/pid); exec sleep 300", false],
    [
      "by a double fork that left its session and cleared its environment",
      `env -i /bin/sh -c '(setsid sleep 300 & echo $! >$0/pid)' $1; exec sleep 300`,
      true,
    ],
  ])("%s", async (_, script, marked) => {
    using folder = new TestFolder();
    await using started = start(folder, script, marked);
    const pid = await written(folder, "pid");
    expect(await endJob(started.job, 10_000)).toEqual({ left: 0 });
    expect(runs(pid)).toBe(false);
    await started.child.exited;
    expect(started.child.signalCode).toBe("SIGTERM");
  });

  test("also when the script has ended", async () => {
    using folder = new TestFolder();
    await using started = start(folder, "setsid sleep 300 & echo $! >$1/pid");
    const pid = await written(folder, "pid");
    await started.child.exited;
    expect(await endJob(started.job, 10_000)).toEqual({ left: 0 });
    expect(runs(pid)).toBe(false);
  });

  test("at once, also what has no mark any more, as after sudo", async () => {
    using folder = new TestFolder();
    // Several, each with nothing but its parent to tell of it, which must not end before that is known.
    const script = `for name in a b c d; do
        sh -c 'prlimit --rttime=unlimited setsid sleep 300 & echo $! >$0/$1; wait' $1 $name &
      done; wait`;
    await using started = start(folder, script);
    const pids = await Promise.all(["a", "b", "c", "d"].map((name) => written(folder, name)));
    const isSleeping = (pid: number) => procText(pid, "cmdline")?.startsWith("sleep") === true;
    await until("they have none", () => pids.every(isSleeping));
    expect(await endJob(started.job, 0)).toEqual({ left: 0 });
    expect(pids.filter(runs)).toEqual([]);
  });

  test("with one TERM, however long it takes then, without looking all the time", async () => {
    using folder = new TestFolder();
    // One process alone, which waits for a line that never comes.
    const script = `trap 'echo TERM >>$1/signals' TERM; mkfifo $1/lines; exec 3<>$1/lines
      echo $$ >$1/pid; while :; do read line <&3; done`;
    await using started = start(folder, script);
    await written(folder, "pid");
    let looks = 0;
    const spared = () => {
      looks += 1;
      return [];
    };
    const before = process.cpuUsage();
    // After a second it is looked for what is new.
    expect(await endJob({ ...started.job, spared }, 1_100)).toEqual({ left: 0 });
    const { user, system } = process.cpuUsage(before);
    expect(readFileSync(folder.join("signals"), "utf8")).toBe("TERM\n");
    // Two while it has its time, one that kills, and five that find nothing more.
    expect(looks).toBeGreaterThanOrEqual(8);
    expect(looks).toBeLessThan(12);
    expect((user + system) / 1000).toBeLessThan(600);
  });

  test("as soon as it has ended", async () => {
    const times: number[] = [];
    // Once may be slow on a busy host.
    while (times.length < 3 && !times.some((ms) => ms < 900)) {
      using folder = new TestFolder();
      await using started = start(folder, "echo $$ >$1/pid; exec sleep 300");
      await written(folder, "pid");
      const began = performance.now();
      expect(await endJob(started.job, 60_000)).toEqual({ left: 0 });
      times.push(performance.now() - began);
    }
    expect(Math.min(...times)).toBeLessThan(900);
  });

  test("one process has its time too", async () => {
    using folder = new TestFolder();
    // Counting takes it longer than it takes to look again.
    const script = `trap 'n=0; while [ $n -lt 50000 ]; do n=$((n+1)); done; exit 3' TERM
      mkfifo $1/lines; exec 3<>$1/lines; echo $$ >$1/pid; while :; do read line <&3; done`;
    await using started = start(folder, script);
    await written(folder, "pid");
    expect(await endJob(started.job, 60_000)).toEqual({ left: 0 });
    expect(await started.child.exited).toBe(3);
  });

  test("after TERM it has its time", async () => {
    using folder = new TestFolder();
    const script = `trap 'sleep 0.2; echo $$ >$1/last; exit 3' TERM; echo $$ >$1/pid; while :; do sleep 0.05; done`;
    await using started = start(folder, script);
    await written(folder, "pid");
    expect(await endJob(started.job, 10_000)).toEqual({ left: 0 });
    expect(folder.has("last")).toBe(true);
    expect(await started.child.exited).toBe(3);
  });

  test("which may be cut short", async () => {
    using folder = new TestFolder();
    await using started = start(folder, "trap '' TERM; echo $$ >$1/pid; exec sleep 300");
    await written(folder, "pid");
    const hurry = new AbortController();
    const ending = endJob(started.job, 600_000, hurry.signal);
    hurry.abort();
    expect(await ending).toEqual({ left: 0 });
    await started.child.exited;
    expect(started.child.signalCode).toBe("SIGKILL");
  });

  test.each([0, 100])("what ignores TERM, after %d ms", async (graceMs) => {
    using folder = new TestFolder();
    await using started = start(folder, "trap '' TERM; echo $$ >$1/pid; exec sleep 300");
    const pid = await written(folder, "pid");
    expect(await endJob(started.job, graceMs)).toEqual({ left: 0 });
    expect(runs(pid)).toBe(false);
    await started.child.exited;
    expect(started.child.signalCode).toBe("SIGKILL");
  });

  test("what is stopped, by TERM", async () => {
    using folder = new TestFolder();
    await using started = start(folder, "echo $$ >$1/pid; kill -STOP $$; exec sleep 300");
    await written(folder, "pid");
    expect(await endJob(started.job, 60_000)).toEqual({ left: 0 });
    await started.child.exited;
    expect(started.child.signalCode).toBe("SIGTERM");
  });

  test("what starts more all the time", async () => {
    using folder = new TestFolder();
    const script = `trap '' TERM; echo $$ >$1/pid
      while :; do setsid env -i sh -c 'trap "" TERM; (sleep 300 &); exec sleep 300' & sleep 0.02; done`;
    await using started = start(folder, script);
    await written(folder, "pid");
    expect(await endJob(started.job, 300)).toEqual({ left: 0 });
    const mark = jobMark(started.job.name).toString();
    const list = `for limits in $(grep -ls ${mark} /proc/[0-9]*/limits); do grep -sL 'State:.Z' \${limits%limits}status; done`;
    expect(Bun.spawnSync(["/bin/sh", "-c", list]).stdout.toString()).toBe("");
  });
});

test("a job runs as long as anything of it does, in this boot, and asking ends nothing", async () => {
  using folder = new TestFolder();
  await using started = start(folder, "setsid sleep 300 & echo $! >$1/pid");
  const { job } = started;
  const pid = await written(folder, "pid");
  await started.child.exited;
  expect([await isJobRunning(job), await isJobRunning(job)]).toEqual([true, true]);
  expect(runs(pid)).toBe(true);
  const otherBoot = { ...job, root: { ...job.root, boot: "of another boot" } };
  expect(await isJobRunning(otherBoot)).toBe(false);
  process.kill(pid, "SIGKILL");
  await until("it has ended", () => !runs(pid));
  expect(await isJobRunning(job)).toBe(false);
});

describe("nothing else is ended", () => {
  test("not even who ends it, if that is part of it", async () => {
    using folder = new TestFolder();
    await using started = start(folder, "sleep 300 & echo $! >$1/pid; wait");
    const pid = await written(folder, "pid");
    const mark = jobMark(started.job.name);
    const { end } = await withMark(mark, () => endedBy(started.job, 0, []));
    expect(end).toEqual({ left: 0 });
    expect(runs(pid)).toBe(false);
  });

  test("another job, one below this one too", async () => {
    using folder = new TestFolder();
    await using one = start(folder, "sleep 300 & echo $! >$1/one; wait");
    await using other = start(folder, "sleep 300 & echo $! >$1/other; wait");
    await written(folder, "one");
    const pid = await written(folder, "other");
    await endJob(one.job, 10_000);
    expect(runs(pid)).toBe(true);
    expect(runs(other.child.pid)).toBe(true);
  });

  test("what is spared, and what that has started", async () => {
    using folder = new TestFolder();
    const script = `sh -c 'setsid sh -c "echo \\$\\$ >$0/below; exec sleep 300" & echo $$ >$0/spared; wait' $1 & wait`;
    await using started = start(folder, script, false);
    const below = await written(folder, "below");
    const spared = identify(await written(folder, "spared"));
    if (spared === undefined) throw new Error("it has not started");
    expect(await endJob({ ...started.job, spared: () => [spared] }, 10_000)).toEqual({ left: 0 });
    expect(runs(started.child.pid)).toBe(false);
    // It shares the script's session, as an agent does that a script starts.
    expect(runs(spared.pid)).toBe(true);
    expect(runs(below)).toBe(true);
    process.kill(spared.pid, "SIGKILL");
    process.kill(below, "SIGKILL");
  });

  if (asRoot) {
    test("a stranger's process that has put on its mark, nor the session and children of that", async () => {
      using folder = new TestFolder();
      await using started = start(folder, "sleep 300 & echo $! >$1/pid; wait");
      const pid = await written(folder, "pid");
      const mark = jobMark(started.job.name);
      const forged = `setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups \
        prlimit --rttime=${mark}:unlimited sleep 300`;
      await using other = start(folder, `${forged} & echo $! >$1/forged; sleep 300 & wait`, false);
      const stranger = await written(folder, "forged");
      await until(
        "it has put it on",
        () => procText(stranger, "cmdline")?.startsWith("sleep") === true,
      );
      expect(await endJob(started.job, 10_000)).toEqual({ left: 0 });
      expect(runs(pid)).toBe(false);
      expect([stranger, other.child.pid].map(runs)).toEqual([true, true]);
    });
  }

  test("T75 what has the script's number, and is not the script", async () => {
    using folder = new TestFolder();
    await using started = start(folder, "sleep 300 & echo $! >$1/pid; wait", false);
    await written(folder, "pid");
    const { root } = started.job;
    const earlier = { ...started.job, root: { ...root, start: root.start - 1 } };
    expect(await endJob(earlier, 0)).toEqual({ left: 0 });
    const otherBoot = { ...started.job, root: { ...root, boot: "of another boot" } };
    expect(await endJob(otherBoot, 0)).toEqual({ left: 0 });
    expect(runs(root.pid)).toBe(true);
  });
});

describe("what cannot be ended is counted", () => {
  test("what says that it is another job's, as long as it runs", async () => {
    using folder = new TestFolder();
    const script = `prlimit --rttime=${jobMark("f".repeat(32))}:unlimited sleep 300 & echo $! >$1/pid; wait`;
    await using started = start(folder, script);
    const pid = await written(folder, "pid");
    await until("it says so", () => procText(pid, "cmdline")?.startsWith("sleep") === true);
    const remains = [expect.objectContaining({ pid })];
    const left = { left: 1, remains, why: { kind: "doubtful" } };
    expect(await endJob(started.job, 0)).toEqual(left as JobEnd);
    expect(runs(pid)).toBe(true);
    // Its parent has ended: what remains is known.
    const known = [identify(pid)].filter((id) => id !== undefined);
    expect(await isJobRunning({ ...started.job, known })).toBe(true);
    expect(await endJob({ ...started.job, known }, 0)).toEqual(left as JobEnd);
    process.kill(pid, "SIGKILL");
    expect(await endJob({ ...started.job, known }, 0)).toEqual({ left: 0 });
  });

  /** ENOSYS: the kernel is older; EPERM: the container's seccomp profile is. */
  test.each([
    [38, "ENOSYS"],
    [1, "EPERM"],
  ])("T75 without a handle nothing is signalled: %d", async (errno, code) => {
    using folder = new TestFolder();
    await using started = start(folder, "sleep 300 & echo $! >$1/pid; wait");
    const pid = await written(folder, "pid");
    const without = [process.execPath, join(SUPPORT, "without-pidfd.ts"), `${errno}`];
    expect((await endedBy(started.job, 0, without)).end).toEqual({
      left: 2,
      remains: [started.job.root, expect.objectContaining({ pid })],
      why: { kind: "no-handle", code },
    });
    expect(runs(pid)).toBe(true);
  });

  test("at once, when nothing else is left to kill", async () => {
    using folder = new TestFolder();
    await using started = start(folder, "echo $$ >$1/pid; exec sleep 300");
    await written(folder, "pid");
    const without = [process.execPath, join(SUPPORT, "without-pidfd.ts"), "38"];
    const { end, ms } = await endedBy(started.job, 0, without);
    expect(end.left).toBe(1);
    expect(ms).toBeLessThan(4_000);
  });

  const asNobody = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];

  test("another user's processes", async () => {
    if (!asRoot) {
      // An ordinary user cannot start one: process 1 is another's, and this signal changes nothing.
      const first = identify(1);
      const isOwn = statSync("/proc/1").uid === process.getuid?.();
      const outcome = first && signalProcess(first, "SIGCONT");
      expect(outcome).toEqual({ kind: isOwn ? "sent" : "forbidden" });
      return;
    }
    using folder = new TestFolder();
    await using started = start(folder, "sleep 300 & echo $! >$1/pid; wait");
    const pid = await written(folder, "pid");
    expect((await endedBy(started.job, 0, asNobody)).end).toEqual({
      left: 2,
      remains: [started.job.root, expect.objectContaining({ pid })],
      why: { kind: "forbidden" },
    });
    expect(runs(started.child.pid)).toBe(true);
  });

  test("but in a delegated cgroup they are ended too", async () => {
    using folder = new TestFolder();
    using cgroup = DelegatedCgroup.make(NOBODY);
    const runner = cgroup?.runner ?? [];
    await using started = start(folder, "sleep 300 & echo $! >$1/pid; wait", true, runner);
    const pid = await written(folder, "pid");
    // As an ordinary user they are the own ones, and there is none.
    const ender = cgroup === undefined ? [] : [...cgroup.runner, ...asNobody];
    expect((await endedBy(started.job, 0, ender)).end).toEqual({ left: 0 });
    expect(runs(pid)).toBe(false);
    expect(cgroup?.below ?? []).toEqual([]);
  });

  test("and one that nothing else tells of, if its script was put there at its start", async () => {
    using folder = new TestFolder();
    using cgroup = DelegatedCgroup.make(NOBODY);
    const name = randomBytes(16).toString("hex");
    const script = "(setsid sleep 300 & echo $! >$1/pid); exec sleep 300";
    // Without a cgroup its mark tells of it.
    await using started = start(folder, script, cgroup === undefined, cgroup?.job(name) ?? []);
    const pid = await written(folder, "pid");
    const ender = cgroup === undefined ? [] : [...cgroup.runner, ...asNobody];
    const job = cgroup === undefined ? started.job : { ...started.job, name };
    expect((await endedBy(job, 0, ender)).end).toEqual({ left: 0 });
    expect(runs(pid)).toBe(false);
    expect(cgroup?.below ?? []).toEqual([]);
  });
});
