import { expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { hasMark, jobMark, withMark } from "../../../../src/system/process/job-mark.ts";
import { readProcess } from "../../../../src/system/process/process-table.ts";
import { until } from "../../../support/folder.ts";

const PROCESS = join(import.meta.dir, "../../../../src/system/process");
const NAME = "0123456789abcdef0123456789abcdef";

function spawned(runner: readonly string[] = []) {
  const child = Bun.spawn([...runner, "sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
  const facts = readProcess(child.pid);
  if (facts === undefined) throw new Error("it has not started");
  return { facts, [Symbol.dispose]: () => child.kill("SIGKILL") };
}

/** Runs the code in a process of its own, and returns what limits its child says that it has. */
function inProcess(code: string): string[] {
  const program = `
    const { withMark, leaveJobs, jobMark } = await import("${PROCESS}/job-mark.ts");
    const { setLimit, readLimit } = await import("${PROCESS}/resource-limits.ts");
    const mark = jobMark("${NAME}");
    const child = () => {
      const { stdout } = Bun.spawnSync(["sed", "-n", "s/^Max realtime timeout *//p", "/proc/self/limits"]);
      return stdout.toString().split(/ +/)[0];
    };
    ${code}`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", program]);
  expect(stderr.toString()).toBe("");
  return stdout.toString().trim().split("\n");
}

test("a mark is a limit that no administrator sets, and another one for each job", () => {
  expect(jobMark(NAME)).toBe(2n ** 62n + 0x0123_4567_89ab_cden);
  expect(jobMark("f".repeat(32))).toBeLessThan(2n ** 63n);
});

test("the lowest mark is one too", () => {
  const lowest = jobMark("0".repeat(32));
  expect(lowest).toBe(2n ** 62n);
  using marked = withMark(lowest, () => spawned());
  expect(hasMark(marked.facts, lowest)).toBe(true);
});

test("what is started under a mark has it; what is started before and after has none", () => {
  const mark = jobMark(NAME);
  using before = spawned();
  using marked = withMark(mark, () => spawned());
  using after = spawned();
  expect(hasMark(marked.facts, mark)).toBe(true);
  expect(hasMark(marked.facts, jobMark("f".repeat(32)))).toBe(false);
  expect(hasMark(before.facts, mark)).toBeUndefined();
  expect(hasMark(after.facts, mark)).toBeUndefined();
  expect(() => withMark(mark, () => JSON.parse("no"))).toThrow();
  using last = spawned();
  expect(hasMark(last.facts, mark)).toBeUndefined();
});

test("a process that has a limit of its own starts without a mark, and keeps its limit", () => {
  const limit = 'setLimit("realtime timeout", { soft: 1000000n, hard: 2000000n });';
  expect(inProcess(`${limit} console.log(withMark(mark, child)); console.log(child());`)).toEqual([
    "1000000",
    "1000000",
  ]);
  expect(inProcess(`${limit} leaveJobs(); console.log(child());`)).toEqual(["1000000"]);
  const soft =
    'setLimit("realtime timeout", { ...readLimit("realtime timeout"), soft: 1000000n });';
  expect(inProcess(`${soft} leaveJobs(); console.log(child());`)).toEqual(["1000000"]);
});

test("an agent that a script has started leaves its job, and so does what it starts without a mark", () => {
  const hard = 'const { hard } = readLimit("realtime timeout");';
  const marked = `${hard} setLimit("realtime timeout", { soft: mark, hard });`;
  const noJob = String(2n ** 62n + 2n ** 61n);
  expect(inProcess(`${marked} console.log(child()); leaveJobs(); console.log(child());`)).toEqual([
    String(jobMark(NAME)),
    noJob,
  ]);
  // By sudo, which takes marks away.
  const after = "console.log(withMark(mark, child)); console.log(child());";
  expect(inProcess(`leaveJobs(); console.log(child()); ${after}`)).toEqual([
    noJob,
    String(jobMark(NAME)),
    noJob,
  ]);
});

// Only root can start another user's.
if (process.getuid?.() === 0) {
  test("another user's process has no mark, whatever its limit is: anyone can set that", async () => {
    const mark = jobMark(NAME);
    const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    using foreign = withMark(mark, () => spawned(asNobody));
    const { pid } = foreign.facts;
    await until("it is another's", () => statSync(`/proc/${pid}`).uid === 65_534);
    expect(readFileSync(`/proc/${pid}/limits`, "utf8")).toContain(` ${mark} `);
    expect(hasMark(foreign.facts, mark)).toBeUndefined();
    expect(hasMark(foreign.facts, jobMark("f".repeat(32)))).toBeUndefined();
  });
}
