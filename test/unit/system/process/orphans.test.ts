import { expect, test } from "bun:test";
import { join } from "node:path";

const PROCESS = join(import.meta.dir, "../../../../src/system/process");

/** Runs the code in a process of its own that adopts what its children leave behind. */
function adopting(code: string): string {
  const program = `const { adoptOrphans, keepOwn, reapOrphans } = await import("${PROCESS}/orphans.ts");
    const { childrenOf, isAlive } = await import("${join(import.meta.dir, "../../../support/processes.ts")}");
    const gone = async () => { while (childrenOf(process.pid).length > 0) await Bun.sleep(5); };
    adoptOrphans();
    ${code}`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", program], { timeout: 20_000 });
  expect(stderr.toString()).toBe("");
  return stdout.toString();
}

test("T65 what children leave behind is reaped, and the ends of own children are not taken away", () => {
  const out = adopting(`reapOrphans();
    const child = Bun.spawn(["sh", "-c", "(sleep 0.05; exit 9) & (sleep 0.01) & sleep 0.02; exit 3"]);
    keepOwn(child);
    console.log(await child.exited);
    await gone();
    console.log("gone");`);
  expect(out).toBe("3\ngone\n");
});

test("T65 also what had ended before", () => {
  const out = adopting(`
    const early = Bun.spawn(["sh", "-c", "sleep 0.05 & sleep 0.05 & exit 0"]);
    keepOwn(early);
    await early.exited;
    while (childrenOf(process.pid).some(isAlive)) await Bun.sleep(5);
    console.log(childrenOf(process.pid).length);
    reapOrphans();
    await gone();
    console.log("gone");`);
  expect(out).toBe("2\ngone\n");
});

test("T65 an orphan that ended after an own child, while nobody looked, is reaped too; whoever starts a program says so", () => {
  const out = adopting(`
    const { startProgram } = await import("${PROCESS}/start-program.ts");
    reapOrphans();
    const args = ["-c", "/bin/sleep 0.1; exit 7"];
    const { subprocess } = startProgram({ file: "/bin/sh", args, env: {}, input: "" });
    const early = Bun.spawn(["sh", "-c", "sleep 0.1 & exit 0"]);
    keepOwn(early);
    await early.exited;
    // Both have ended when this process looks next, and the kernel names the one first that it had first.
    Bun.sleepSync(300);
    console.log(await subprocess.exited);
    await gone();
    console.log("gone");`);
  expect(out).toBe("7\ngone\n");
});
