import { expect, test } from "bun:test";
import { identify, isRunning, signalProcess } from "../../../../src/system/process/process-id.ts";
import { bootId } from "../../../../src/system/process/process-table.ts";
import { openFiles, stateOf } from "../../../support/processes.ts";

const asRoot = process.getuid?.() === 0;

function started() {
  const child = Bun.spawn(["sleep", "600"], { stdio: ["ignore", "ignore", "ignore"] });
  const id = identify(child.pid);
  if (id === undefined) throw new Error("it has not started");
  return { child, id, [Symbol.dispose]: () => child.kill("SIGKILL") };
}

test("T75 a process is another one if it started at another time, or in another boot", async () => {
  using it = started();
  expect(it.id).toMatchObject({ pid: it.child.pid, boot: bootId() });
  const others = [
    { ...it.id, start: it.id.start + 1 },
    { ...it.id, boot: "another" },
  ];
  expect(isRunning(it.id)).toBe(true);
  for (const other of others) {
    expect(isRunning(other)).toBe(false);
    expect(signalProcess(other, "SIGKILL")).toEqual({ kind: "ended" });
  }
  expect(stateOf(it.child.pid)).not.toBe("Z");
  it.child.kill("SIGKILL");
  await it.child.exited;
  expect(isRunning(it.id)).toBe(false);
  expect(identify(it.child.pid)).toBeUndefined();
  expect(signalProcess(it.id, "SIGKILL")).toEqual({ kind: "ended" });
});

test("every signal is sent, and no handle stays open", async () => {
  using it = started();
  it.child.kill("SIGSTOP");
  while (stateOf(it.child.pid) !== "T") await Bun.sleep(1);
  // It takes the first when it goes on.
  expect(signalProcess(it.id, "SIGTERM", "SIGCONT")).toEqual({ kind: "sent" });
  await it.child.exited;
  expect(it.child.signalCode).toBe("SIGTERM");
  const handles = () => openFiles(process.pid).filter((file) => file.includes("pidfd")).length;
  using other = started();
  const before = handles();
  expect(signalProcess(other.id, "SIGCONT")).toEqual({ kind: "sent" });
  signalProcess({ ...other.id, start: 0 }, "SIGCONT");
  expect(handles()).toBe(before);
});

test("another user's process, and one for which there is no handle, are told with the reason", () => {
  using it = started();
  const code = (then: string) => `
    const { openSync } = await import("node:fs");
    const { signalProcess } = await import("${import.meta.dir}/../../../../src/system/process/process-id.ts");
    const id = ${JSON.stringify(it.id)};
    const own = signalProcess({ ...id, start: 0 }, "SIGCONT");
    ${then}
    console.log(JSON.stringify([own, signalProcess(id, "SIGTERM")]));`;
  const outcome = (then: string) => {
    const shell = 'ulimit -n 64; exec "$0" -e "$1"';
    const { stdout } = Bun.spawnSync(["sh", "-c", shell, process.execPath, code(then)]);
    return JSON.parse(stdout.toString());
  };
  expect(outcome(`try { for (;;) openSync("/dev/null"); } catch {}`)).toEqual([
    { kind: "ended" },
    { kind: "no-handle", code: "EMFILE" },
  ]);
  if (!asRoot) return;
  const asNobody = "process.setgroups([]); process.setgid(65534); process.setuid(65534);";
  expect(outcome(asNobody)).toEqual([{ kind: "ended" }, { kind: "forbidden" }]);
});
