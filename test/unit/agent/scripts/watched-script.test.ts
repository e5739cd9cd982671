import { expect, jest, test } from "bun:test";
import { newJobName } from "../../../../src/agent/jobs/jobs-folder.ts";
import {
  rootOf,
  type ScriptRule,
  startMarked,
  WatchedScript,
} from "../../../../src/agent/scripts/watched-script.ts";
import { hasMark, jobMark } from "../../../../src/system/process/job-mark.ts";
import { identify } from "../../../../src/system/process/process-id.ts";
import { bootId, readProcess } from "../../../../src/system/process/process-table.ts";
import { baseEnvironment } from "../../../../src/system/process/start-program.ts";

function watched(body: string, rule: Partial<ScriptRule> = {}) {
  const job = newJobName();
  const printed: string[] = [];
  let goesOn = 0;
  const program = startMarked(job, {
    file: "/bin/sh",
    args: ["-c", body],
    env: baseEnvironment(),
    input: "",
  });
  if (program.kind !== "started") throw new Error(program.code);
  const { subprocess } = program;
  const script = new WatchedScript(program, {
    job,
    timeout: undefined,
    take: (stream, chunk) => printed.push(`${stream} ${Buffer.from(chunk)}`),
    goesOn: () => {
      goesOn += 1;
    },
    cancel: () => undefined,
    remains: () => undefined,
    spared: () => [],
    isAlone: () => false,
    ...rule,
  });
  return { job, script, subprocess, printed, goesOn: () => goesOn };
}

test("its end has its exit status and what it printed, and nothing that was not", async () => {
  const { script, printed } = watched("echo one; echo three >&2; exit 7");
  expect(await script.ended).toEqual({
    state: "ended",
    exit: 7,
    started: script.started,
    ended: expect.any(String),
    stdout_bytes: 4,
    stderr_bytes: 6,
  });
  expect(printed.toSorted()).toEqual(["stderr three\n", "stdout one\n"]);
});

test("one that a signal ends has the signal, and no exit status of its own", async () => {
  const { script, subprocess } = watched("kill -KILL $$");
  expect(await script.ended).toMatchObject({ exit: 126, signal: "SIGKILL" });
  // Nobody has asked for its process while that was its own.
  expect([script.root, subprocess.signalCode]).toEqual([undefined, "SIGKILL"]);
});

test("one that goes on is said to, once, and its process is known under its mark", async () => {
  const { script, subprocess, printed, goesOn, job } = watched("echo x; sleep 600 & wait");
  while (goesOn() === 0 || printed.length === 0) await Bun.sleep(1);
  expect(printed).toEqual(["stdout x\n"]);
  const { root } = script;
  expect(root).toEqual(identify(subprocess.pid));
  const facts = readProcess(subprocess.pid);
  expect(facts && hasMark(facts, jobMark(job))).toBe(true);
  process.kill(-subprocess.pid, "SIGKILL");
  expect(await script.ended).toMatchObject({ exit: 126 });
  expect([goesOn(), script.root]).toEqual([1, root]);
});

test("one that ends at once is not said to go on", async () => {
  jest.useFakeTimers();
  try {
    const { script, goesOn } = watched("exit 0");
    await script.ended;
    jest.advanceTimersByTime(60_000);
    expect(goesOn()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});

test("one that takes too long is ended with everything that it has started, and who asked for that is named", async () => {
  const { script } = watched("setsid sleep 600 & wait", {
    timeout: 0.05,
    cancel: () => ({ by: "bob", graceMs: 0, left: 0 }),
  });
  expect(await script.ended).toMatchObject({
    exit: 126,
    signal: "SIGTERM",
    timed_out: true,
    error: "script timed out after 0.05s and was ended",
    cancelled: true,
    cancelled_by: "bob",
  });
  const { script: quick } = watched("true", { timeout: 600 });
  expect(await quick.ended).not.toHaveProperty("timed_out");
});

test("a job whose first process is not known is told by its mark", () => {
  const root = { pid: 5, start: 6, boot: "b" };
  expect(rootOf(root)).toBe(root);
  expect(rootOf(undefined)).toEqual({ pid: 0, start: 0, boot: bootId() });
});

test("one whose end was asked for has ended when what it has started has, or says how much could not be ended", async () => {
  let looks = 0;
  const { script } = watched("true", {
    cancel: () => ({ by: "bob", graceMs: 0, ...(looks++ > 2 && { left: 2 }) }),
  });
  expect(await script.ended).toMatchObject({
    state: "ended",
    exit: 0,
    cancelled: true,
    cancelled_by: "bob",
    error: "2 of its processes could not be ended",
  });
});

test("whoever waits for the end of a cancel lets others work meanwhile", async () => {
  let left: number | undefined;
  let isAsked = false;
  const { script } = watched("exit 0", {
    cancel: () => {
      if (!isAsked) setImmediate(() => (left = 3));
      isAsked = true;
      return { by: "bob", graceMs: 0, ...(left !== undefined && { left }) };
    },
  });
  expect(await script.ended).toMatchObject({
    error: "3 of its processes could not be ended",
  });
});

test("one whose end was asked for by an agent that is killed before it is done is not waited for without end", async () => {
  let looks = 0;
  const { script } = watched("true", {
    cancel: () => {
      looks += 1;
      // As if all but a moment of the time had passed.
      return { by: "bob", graceMs: 50 - 10_000 };
    },
  });
  const ending = await script.ended;
  expect(ending).toMatchObject({ cancelled: true, cancelled_by: "bob" });
  expect(ending).not.toHaveProperty("error");
  expect(looks).toBeGreaterThan(1);
});
