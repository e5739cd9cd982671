import { expect, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import {
  bootId,
  readOf,
  readProcess,
  readProcesses,
  readRunning,
} from "../../../../src/system/process/process-table.ts";
import { TestFolder, until } from "../../../support/folder.ts";
import { childrenOf, openFiles, stateOf } from "../../../support/processes.ts";

/** A process that ends with the test. */
function sleeping(command: string[] = ["sleep", "600"]) {
  const child = Bun.spawn(command, { stdio: ["ignore", "ignore", "ignore"] });
  return { pid: child.pid, [Symbol.dispose]: () => child.kill("SIGKILL") };
}

/** One that has a zombie: a child that has ended, and for which nobody waits. */
async function withZombie() {
  const parent = sleeping(["sh", "-c", "true & exec sleep 600"]);
  let zombie = 0;
  await until("there is a zombie", () => {
    zombie = childrenOf(parent.pid)[0] ?? 0;
    return zombie !== 0 && readProcess(zombie)?.isZombie === true;
  });
  return { zombie, ...parent };
}

test("what the kernel says of a process, whatever its program is called", () => {
  using folder = new TestFolder();
  // As the line of another process, which it would be if the name ended at its first parenthesis.
  const program = folder.join("a) Z 1 1 (b");
  copyFileSync("/bin/sleep", program);
  using child = sleeping([program, "600"]);
  const stat = readFileSync(`/proc/${child.pid}/stat`, "latin1").split(" ").reverse();
  const own = readProcess(process.pid);
  expect(readProcess(child.pid)).toEqual({
    pid: child.pid,
    parent: process.pid,
    session: own?.session ?? 0,
    // Field 22 of 52.
    start: Number(stat[52 - 22]),
    isZombie: false,
  });
  expect(own).toMatchObject({ parent: process.ppid, isZombie: false });
  expect(own?.start).toBeLessThanOrEqual(Number(stat[52 - 22]));
});

test("one that has ended and was not reaped is there, and does not run", async () => {
  using parent = await withZombie();
  expect(readProcess(parent.zombie)).toMatchObject({ parent: parent.pid, isZombie: true });
  expect(readRunning(parent.zombie)).toBeUndefined();
  expect(readRunning(parent.pid)).toMatchObject({ pid: parent.pid });
});

test("one whose first thread has ended runs as long as another of its threads does", async () => {
  // exit(2) ends the thread alone; the runtime has others.
  const number = process.arch === "arm64" ? "93n" : "60n";
  const code = `const { linux } = await import("${import.meta.dir}/../../../../src/system/libc.ts");
    await Bun.file("/proc/self/stat").text();
    linux().syscall(${number}, 0n, 0n, null, 0n);`;
  using parent = sleeping([process.execPath, "-e", code]);
  await until("it has ended", () => stateOf(parent.pid) === "Z");
  expect(readProcess(parent.pid)).toMatchObject({ isZombie: false });
  expect(readRunning(parent.pid)).toMatchObject({ pid: parent.pid });
});

test("those that have started at a time or later, each shown as it is found, without the ended", async () => {
  using parent = await withZombie();
  const { start } = readProcess(parent.pid) ?? { start: 0 };
  const shown: number[] = [];
  const found = await readProcesses(start, ({ pid }) => shown.push(pid));
  const pids = found.map(({ pid }) => pid);
  expect(shown).toEqual(pids);
  expect(pids).toContain(parent.pid);
  expect(pids).not.toContain(parent.zombie);
  expect(pids).not.toContain(process.pid);
  const later = await readProcesses(start + 1, () => undefined);
  expect(later.map(({ pid }) => pid)).not.toContain(parent.pid);
});

test("a process that is gone has no facts, and no descriptor stays open for any", () => {
  const { pid } = Bun.spawnSync(["true"]);
  for (const file of ["stat", "limits", "children"] as const) {
    expect(readOf(pid, file)).toBeUndefined();
    expect(readOf(process.pid, file)).toBeString();
  }
  expect(readProcess(pid)).toBeUndefined();
  expect(readRunning(pid)).toBeUndefined();
  expect(openFiles(process.pid).filter((file) => /\/(stat|limits|children)$/.test(file))).toEqual(
    [],
  );
});

test("T75 without a free descriptor nothing is known of a process, and that is not taken for its end", () => {
  const code = `const { openSync } = await import("node:fs");
    const { readOf } = await import("${import.meta.dir}/../../../../src/system/process/process-table.ts");
    readOf(process.pid, "stat");
    try { for (;;) openSync("/dev/null"); } catch {}
    try { readOf(process.pid, "stat"); console.log("read"); } catch (error) { console.log(error.code); }`;
  const shell = 'ulimit -n 64; exec "$0" -e "$1"';
  const { stdout } = Bun.spawnSync(["sh", "-c", shell, process.execPath, code]);
  expect(stdout.toString()).toBe("EMFILE\n");
});

test("the boot is the kernel's", () => {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1");
  expect([bootId(), boot]).toEqual([boot.trim(), `${bootId()}\n`]);
});
