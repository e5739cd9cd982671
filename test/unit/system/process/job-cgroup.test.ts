/** A job's cgroup below one that was delegated to the agent, as an ordinary user has it. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { JobCgroup, removeEmptyCgroups } from "../../../../src/system/process/job-cgroup.ts";
import { DelegatedCgroup } from "../../../support/delegated-cgroup.ts";

const PROCESS = join(import.meta.dir, "../../../../src/system/process");
const NOBODY = 65_534;

/** Runs the code as that user, in the cgroup that was delegated to it. @returns what it tells */
function inside(cgroup: DelegatedCgroup, code: string, user = NOBODY): unknown {
  const program = `const { existsSync, mkdirSync, readdirSync } = await import("node:fs");
    const { JobCgroup, removeEmptyCgroups } = await import("${PROCESS}/job-cgroup.ts");
    const { identify, isRunning } = await import("${PROCESS}/process-id.ts");
    const folder = ${JSON.stringify(cgroup.path)};
    const below = () => readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory()).map(({ name }) => name).sort();
    const started = (...command) => Bun.spawn(command, { stdio: ["ignore", "ignore", "ignore"] });
    const until = async (holds) => { while (!holds()) await Bun.sleep(5); };
    const told = await (async () => { ${code} })();
    console.log(JSON.stringify(told));`;
  const as = ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const command = [...cgroup.runner, ...as, process.execPath, "-e", program];
  const { stdout, stderr } = Bun.spawnSync(command, { timeout: 20_000 });
  return JSON.parse(stdout.toString() || JSON.stringify(stderr.toString()));
}

test("where none is delegated there are none, and nothing is looked for", () => {
  expect([JobCgroup.make("a"), JobCgroup.find("a")]).toEqual([undefined, undefined]);
  removeEmptyCgroups();
});

test.each([
  ["another user's", 12_345, NOBODY],
  ["root's, and not said to be", 0, 0],
])("one that is %s is not taken for delegated", (_, owner, user) => {
  using cgroup = DelegatedCgroup.make(owner);
  if (cgroup === undefined) return;
  const told = inside(cgroup, `return [JobCgroup.make("a") === undefined, below()];`, user);
  expect(told).toEqual([true, []]);
});

test.each(["user", "trusted"])("root's counts if systemd says so in %s.delegate", (kind) => {
  using cgroup = DelegatedCgroup.make(0);
  if (cgroup === undefined) return;
  const made = `return [JobCgroup.make("a") !== undefined, below()];`;
  cgroup.set(`${kind}.delegate`, "0");
  expect(inside(cgroup, made, 0)).toEqual([false, []]);
  cgroup.set(`${kind}.delegate`, "1");
  expect(inside(cgroup, made, 0)).toEqual([true, ["job-a"]]);
});

test("one is made once, is found again, and goes when nothing is in it", () => {
  using cgroup = DelegatedCgroup.make(NOBODY);
  if (cgroup === undefined) return;
  const told = inside(
    cgroup,
    `const none = JobCgroup.find("a") === undefined;
    const made = JobCgroup.make("a") !== undefined && JobCgroup.make("a") !== undefined;
    const found = JobCgroup.find("a");
    const had = below();
    const empty = found.pids();
    found.remove();
    return { none, made, had, empty, left: below() };`,
  );
  expect(told).toEqual({ none: true, made: true, had: ["job-a"], empty: [], left: [] });
});

test("it takes a process with all below it, and ends them at once", () => {
  using cgroup = DelegatedCgroup.make(NOBODY);
  if (cgroup === undefined) return;
  const told = inside(
    cgroup,
    `const { childrenOf } = await import("${join(import.meta.dir, "../../../support/processes.ts")}");
    const child = started("sh", "-c", "sleep 300 & sleep 300 & wait");
    await until(() => childrenOf(child.pid).length === 2);
    const all = [child.pid, ...childrenOf(child.pid)].sort();
    const job = JobCgroup.make("a");
    const alone = started("sleep", "300");
    const ids = [child, alone].map(({ pid }) => identify(pid));
    await job.takeTree(ids[0]);
    const taken = job.pids().sort().join() === all.join();
    // It has ended, or its number is another's: nothing is taken.
    const other = await job.take({ ...ids[1], start: ids[1].start - 1 });
    const same = job.pids().length;
    const one = await job.take(ids[1]);
    const more = job.pids().length;
    job.remove();
    const stays = below();
    job.kill();
    await Promise.all([child.exited, alone.exited]);
    await until(() => job.pids().length === 0);
    mkdirSync(folder + "/other");
    removeEmptyCgroups();
    return { taken, other, same, one, more, stays, signal: child.signalCode, left: below(), ended: await job.take(ids[1]) };`,
  );
  expect(told).toEqual({
    ...{ taken: true, other: false, same: 3, one: true, more: 4 },
    ...{ stays: ["job-a"], signal: "SIGKILL", left: ["other"], ended: false },
  });
});
