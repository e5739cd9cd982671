import { expect, test } from "bun:test";
import { join } from "node:path";

const PROCESS = join(import.meta.dir, "../../../../src/system/process");

/** Runs the code in a process of its own that may have so many files. */
function withLimit(limit: number, code: string): string {
  // The test's own Bun has raised the limit, and so does each that it starts: it is set from within.
  const program = `
    const { setLimit } = await import("${PROCESS}/resource-limits.ts");
    setLimit("open files", { soft: ${limit}n, hard: ${limit}n });
    const { descriptorLimit, requireDescriptors, workDescriptors } = await import("${PROCESS}/descriptors.ts");
    ${code}`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", program]);
  return stdout.toString().trim() || stderr.toString();
}

const REQUIRE =
  "try { requireDescriptors(); console.log(descriptorLimit()); } catch (error) { console.log(error.code, error.message, error.hint); }";

test("T65 a program that listens does not start with too few files, and says how to raise them", () => {
  expect(withLimit(64, REQUIRE)).toBe("64");
  expect(withLimit(63, REQUIRE)).toBe(
    "config Cannot start: ulimit -n 63 allows too few open files; it needs at least 64 Raise it: ulimit -n 1024 in a shell, or LimitNOFILE=1024 in the service's unit.",
  );
});

test("T65 nor with none left, which it cannot even count", () => {
  const code = `const { openSync } = await import("node:fs");
    try { for (;;) openSync("/dev/null"); } catch {}
    ${REQUIRE}`;
  expect(withLimit(100, code)).toStartWith(
    "config Cannot start: ulimit -n allows too few open files; it needs at least 64 Raise it:",
  );
});

test("a command has all but a few for its work, and the same ones each time", () => {
  const code = `const pool = workDescriptors();
    let taken = 0;
    while (taken < 200 && (await Promise.race([pool.takeOne(new Promise(() => undefined)), new Promise((resolve) => setTimeout(resolve, 20, false))]))) taken += 1;
    console.log(taken, workDescriptors() === pool);`;
  expect(withLimit(100, code)).toBe("76 true");
});
