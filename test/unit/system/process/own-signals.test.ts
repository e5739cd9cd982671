import { expect, test } from "bun:test";
import { join } from "node:path";

const SYSTEM = join(import.meta.dir, "../../../../src/system");

test("a program that was started with signals blocked, and the ends of children ignored, has its own again", () => {
  // SIGUSR1 is 10, and a mask has a bit for each.
  const code = `const { libc } = await import("${SYSTEM}/libc.ts");
    const { takeSignals } = await import("${SYSTEM}/process/own-signals.ts");
    const { readFileSync } = await import("node:fs");
    const mask = (which) => {
      const status = readFileSync("/proc/thread-self/status", "latin1");
      return Number("0x" + new RegExp("^" + which + ":\\\\s*(\\\\S+)", "m").exec(status)[1]);
    };
    libc().sigprocmask(0, new Uint8Array(128).fill(2, 1, 2), null);
    console.log(mask("SigBlk"));
    takeSignals();
    console.log(mask("SigBlk"));
    // SIGCHLD is 17.
    console.log(mask("SigIgn") & (1 << 16));
    console.log(await Bun.spawn(["sh", "-c", "exit 3"]).exited);`;
  const shell = `trap "" CHLD; exec "$0" -e "$1"`;
  const { stdout } = Bun.spawnSync(["sh", "-c", shell, process.execPath, code]);
  expect(stdout.toString()).toBe("512\n0\n0\n3\n");
});
