/** How a program is started, and how it gets its input. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { closeAll } from "../../../../src/system/process/pipe.ts";
import { runProcess } from "../../../../src/system/process/run-process.ts";
import {
  type ProgramStart,
  type StartedProgram,
  startProgram,
} from "../../../../src/system/process/start-program.ts";
import { ROOT } from "../../../support/documents.ts";
import { openFiles } from "../../../support/processes.ts";

const MODULE = join(import.meta.dir, "../../../../src/system/process/run-process.ts");
const START = join(import.meta.dir, "../../../../src/system/process/start-program.ts");
const DEFAULTS = { args: [], env: {}, input: "" };

/** A program that goes on until it is disposed of, and leaves its input alone. */
function sleeping(request: Partial<ProgramStart>): StartedProgram & AsyncDisposable {
  const started = startProgram({ ...DEFAULTS, file: "/bin/sleep", args: ["600"], ...request });
  if (started.kind === "not-started") throw new Error(started.code);
  return {
    ...started,
    async [Symbol.asyncDispose]() {
      started.subprocess.kill("SIGKILL");
      await started.subprocess.exited;
      started.stopFeeding();
      closeAll(started.stdout, started.stderr);
    },
  };
}

test.each([
  ["its file", undefined, "/bin/cat"],
  ["what it is called as", "/sbin/other", "/sbin/other"],
])("its first argument is %s", async (_, calledAs, first) => {
  const file = "/proc/self/cmdline";
  const request = { ...DEFAULTS, file: "/bin/cat", args: [file], maxOutput: 1000 };
  const { stdout } = await runProcess({
    ...request,
    ...(calledAs === undefined ? {} : { calledAs }),
  });
  expect(Buffer.concat(stdout.chunks).toString()).toBe(`${first}\0${file}\0`);
});

describe("T65 whether something of it may have run, although it could not be started", () => {
  /** @param runner what the command line that starts it begins with */
  const outcomeOf = (file: string, runner: readonly string[] = []): unknown => {
    const request = { ...DEFAULTS, file, maxOutput: 1 };
    const code = `const { runProcess } = await import(${JSON.stringify(MODULE)});
      const { startError, mayHaveRun } = await runProcess(${JSON.stringify(request)});
      console.log(JSON.stringify([startError ?? "ran", mayHaveRun]));`;
    const { stdout } = Bun.spawnSync([...runner, process.execPath, "-e", code]);
    return JSON.parse(stdout.toString());
  };
  const without = (errno: number) => [
    ...[process.execPath, join(ROOT, "test/support/without-pidfd.ts"), `${errno}`],
  ];

  test("no file has not", () => {
    expect(outcomeOf("/no/such/file")).toEqual(["ENOENT", false]);
  });

  /** EAGAIN of fork(2) would be certain; EIO is not of fork(2) or execve(2) at all. */
  test.each([
    [11, "EAGAIN"],
    [5, "EIO"],
  ])("one for which there was no handle may have: %d", (errno, code) => {
    expect(outcomeOf("/bin/true", without(errno))).toEqual([code, true]);
  });

  test("what was started has", () => {
    expect(outcomeOf("/bin/true")).toEqual(["ran", true]);
  });
});

test.each([
  [0, 0],
  [4096, 0],
  [4097, 1],
])("input of %d bytes takes %d pipes while it is not read", async (length, held) => {
  const before = openFiles(process.pid);
  await using _program = sleeping({ input: "x".repeat(length) });
  const isNew = (file: string) => file.startsWith("pipe:") && !before.includes(file);
  // Two are those of its output.
  expect(new Set(openFiles(process.pid).filter(isNew)).size).toBe(2 + held);
});

test("input that the pipe has taken is not left unread", async () => {
  const reports: string[] = [];
  const inputStalled = { afterMs: 30, report: () => void reports.push("stalled") };
  await using _program = sleeping({ input: "x".repeat(5000), inputStalled });
  await Bun.sleep(60);
  expect(reports).toEqual([]);
});

test("T14 when it has ended and a child of it has read all that came, nobody waits for more", () => {
  const code = `const { startProgram } = await import(${JSON.stringify(START)});
    const input = "x".repeat(200_000);
    const started = startProgram({ file: "/bin/sh", args: ["-c", "exec /bin/cat >/dev/null"], env: {}, input });
    // Meanwhile what the pipe held is read, and nothing can be written.
    Bun.sleepSync(100);
    started.stopFeeding();
    console.log(await started.subprocess.exited);`;
  const { stdout } = Bun.spawnSync([process.execPath, "-e", code], { timeout: 20_000 });
  expect(stdout.toString()).toBe("0\n");
});
