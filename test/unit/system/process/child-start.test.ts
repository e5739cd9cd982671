/** What children inherit of what this process took for itself; each in a process of its own. */
import { expect, test } from "bun:test";
import { join } from "node:path";

const SYSTEM = join(import.meta.dir, "../../../../src/system");

/** Runs the code in a process of its own, started with so many files. */
function inProcess(code: string): string[] {
  const program = `
    const { readFileSync } = await import("node:fs");
    const { spawnSync } = Bun;
    const { libc } = await import("${SYSTEM}/libc.ts");
    const { descriptorLimit, requireDescriptors } = await import("${SYSTEM}/process/descriptors.ts");
    const { startChild, withOomScore } = await import("${SYSTEM}/process/child-start.ts");
    // The test's own Bun has raised the limit already.
    const hard = BigInt(/Max open files +\\S+ +(\\d+)/.exec(readFileSync("/proc/self/limits", "latin1"))[1]);
    libc().setrlimit(7, new BigUint64Array([300n, hard]));
    const inChild = (command) => spawnSync(["sh", "-c", command]).stdout.toString().trim();
    const files = () => inChild("ulimit -S -n");
    const score = () => inChild("cat /proc/self/oom_score_adj");
    ${code}`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", program]);
  expect(stderr.toString()).toBe("");
  return stdout.toString().trimEnd().split("\n");
}

test("a command takes all the files that it may have, and its children have what it was started with", () => {
  const [limit, own, child, after] = inProcess(`
    console.log(descriptorLimit() === Number(hard));
    console.log(files() === String(hard));
    console.log(startChild(files));
    console.log(files() === String(hard));
    `);
  expect([limit, own, child, after]).toEqual(["true", "true", "300", "true"]);
});

test("a program that listens keeps to what it was started with", () => {
  const lines = inProcess(`
    requireDescriptors();
    console.log(descriptorLimit(), files(), startChild(files));
    `);
  expect(lines).toEqual(["300 300 300"]);
});

test("a child that could not be started leaves the limit as it was", () => {
  const lines = inProcess(`
    descriptorLimit();
    try { startChild(() => spawnSync(["/no/such/file"])); } catch { console.log("not started"); }
    console.log(files() === String(hard));
    `);
  expect(lines).toEqual(["not started", "true"]);
});

test("a child has another score for the OOM killer, and this process has its own again", () => {
  const [own = "", child, after] = inProcess(`
    const own = score();
    console.log(own);
    console.log(withOomScore(Number(own) + 50, Number(own), score));
    console.log(score());
    `);
  expect([child, after]).toEqual([String(Number(own) + 50), own]);
});

test("who may not change the score starts the child all the same", () => {
  const [own, after] = inProcess(`console.log(score());
    console.log(withOomScore(5000, 77, () => "started"), score());`);
  expect(after).toBe(`started ${own}`);
});

test("a child is not spared when memory is short, and not killed sooner or later than this process otherwise", () => {
  const lines = inProcess(`const { writeFileSync } = await import("node:fs");
    for (const own of ["50", "-50"]) {
      try { writeFileSync("/proc/self/oom_score_adj", own); } catch { continue; }
      console.log(score(), startChild(score), score());
    }`);
  expect(lines[0]).toBe("50 50 50");
  // Only a privileged process may take itself out of danger.
  if (lines.length > 1) expect(lines[1]).toBe("-50 0 -50");
});
