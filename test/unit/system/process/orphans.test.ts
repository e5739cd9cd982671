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
    const early = Bun.spawn(["sh", "-c", "sleep 0.05 & exit 0"]);
    keepOwn(early);
    await early.exited;
    const [orphan] = childrenOf(process.pid);
    while (isAlive(orphan)) await Bun.sleep(5);
    reapOrphans();
    await gone();
    console.log("gone");`);
  expect(out).toBe("gone\n");
});
