/** The ends of jobs that somebody has asked for. */
import { afterEach, expect, jest, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { Cancels, type Endable, reasonOf } from "../../../../src/agent/jobs/cancels.ts";
import type { JobCancel } from "../../../../src/agent/jobs/job-folder.ts";
import { jobMark, withMark } from "../../../../src/system/process/job-mark.ts";
import { identify, type ProcessId } from "../../../../src/system/process/process-id.ts";

afterEach(() => void jest.useRealTimers());

/** A job whose script takes no notice of TERM if it is stubborn, and whose end is written when it has ended. */
function started(stubborn = false) {
  const name = randomBytes(16).toString("hex");
  const script = `${stubborn ? "trap '' TERM; " : ""}echo; exec sleep 600`;
  const child = withMark(jobMark(name), () =>
    Bun.spawn(["sh", "-c", script], { stdio: ["ignore", "pipe", "ignore"], detached: true }),
  );
  const root = identify(child.pid);
  if (root === undefined) throw new Error("it has not started");
  const notes: JobCancel[] = [];
  const remains: (readonly ProcessId[])[] = [];
  const job: Endable = {
    ...{ name, root, facts: { script: "deploy" }, ended: child.exited, remains: [] },
    isAlone: false,
    noteRemains: (left) => void remains.push(left),
    note: (cancel) => void notes.push(cancel),
  };
  // It has set its trap.
  const ready = child.stdout.getReader().read();
  return { job, child, notes, remains, ready, [Symbol.dispose]: () => child.kill("SIGKILL") };
}

const nobody = () => [];
const ENDED = { script: "deploy", ended: true, left: 0, reason: undefined };

test("who asked is noted before anything is ended, and how many are left afterwards", async () => {
  using it = started();
  await it.ready;
  const cancels = new Cancels(nobody);
  expect(await cancels.mayRun(it.job)).toBe(true);
  const outcome = cancels.cancel(it.job, "alice", 60_000);
  expect(it.notes).toEqual([{ by: "alice", graceMs: 60_000 }]);
  expect(await outcome).toEqual(ENDED);
  expect(it.notes.slice(1)).toEqual([{ by: "alice", graceMs: 60_000, left: 0 }]);
  expect([it.child.signalCode, it.remains]).toEqual(["SIGTERM", []]);
  expect(await cancels.mayRun(it.job)).toBe(false);
});

test("a second one joins the first and shortens its grace; a later one is one of its own", async () => {
  using it = started(true);
  await it.ready;
  const cancels = new Cancels(nobody);
  const first = cancels.cancel(it.job, "alice", 600_000);
  const second = cancels.cancel(it.job, "bob", 10);
  expect(await Promise.all([first, second])).toEqual([ENDED, ENDED]);
  expect(it.child.signalCode).toBe("SIGKILL");
  expect(it.notes.map(({ by }) => by)).toEqual(["alice", "alice"]);
  expect(await cancels.cancel(it.job, "bob", 0)).toEqual(ENDED);
  expect(it.notes.map(({ by }) => by)).toEqual(["alice", "alice", "bob", "bob"]);
});

test("a job is ended although what is left of it cannot be noted, or is not known by whom", async () => {
  using it = started();
  await it.ready;
  const remains = [it.job.root ?? []].flat();
  const noteRemains = () => {
    throw new Error("the disk is full");
  };
  const cancels = new Cancels(nobody);
  const job = { ...it.job, remains, noteRemains };
  // Half a character at the end is none.
  expect(await cancels.cancel(job, `${"x".repeat(254)}😀`, 0)).toEqual(ENDED);
  expect(it.notes.map(({ by }) => by)).toEqual(Array(2).fill(`${"x".repeat(254)}\ufffd`));
});

test("what is spared runs on; without a known process there is nothing but the mark to go by", async () => {
  using it = started();
  await it.ready;
  const { root } = it.job;
  const cancels = new Cancels(() => (root === undefined ? [] : [root]));
  const { child } = it;
  const over = { ...it.job, ended: Promise.resolve() };
  expect(await cancels.cancel(over, "alice", 0)).toEqual(ENDED);
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  expect(await cancels.mayRun(over)).toBe(false);
  const unknown = { ...it.job, root: undefined };
  expect(await new Cancels(nobody).mayRun(unknown)).toBe(true);
  expect(await new Cancels(nobody).cancel(unknown, "alice", 0)).toEqual(ENDED);
  expect(child.signalCode).toBe("SIGKILL");
});

test("a job counts as running, and as not ended, where that cannot be seen", async () => {
  using it = started();
  await it.ready;
  const blind = new Cancels(() => {
    throw Object.assign(new Error(), { code: "EMFILE" });
  });
  expect(await blind.mayRun(it.job)).toBe(true);
  const outcome = await blind.cancel(it.job, "alice", 0);
  expect(outcome).toMatchObject({ script: "deploy", ended: false, left: 1 });
  expect(outcome.reason).toBe("too many open files (see ulimit -n)");
  // Nobody has said how many are left: the next agent goes on with it.
  expect(it.notes).toEqual([{ by: "alice", graceMs: 0 }]);
});

test("what an earlier end had left is ended, and nothing of it is noted any more", async () => {
  using it = started();
  await it.ready;
  const remains = [it.job.root ?? []].flat();
  expect(await new Cancels(nobody).cancel({ ...it.job, remains }, "alice", 0)).toEqual(ENDED);
  expect([it.child.signalCode, it.remains]).toEqual(["SIGKILL", [[]]]);
});

test("an end that its shim does not tell within five seconds is not known", async () => {
  using it = started();
  await it.ready;
  const tried = Promise.withResolvers<void>();
  const note = ({ left }: JobCancel) => {
    if (left === undefined) return;
    jest.useFakeTimers();
    tried.resolve();
  };
  const untold = { ...it.job, ended: Promise.withResolvers<void>().promise, note };
  let isOver = false;
  const outcome = new Cancels(nobody).cancel(untold, "alice", 0).finally(() => {
    isOver = true;
  });
  await tried.promise;
  const pass = async (ms: number) => {
    jest.advanceTimersByTime(ms);
    for (let turn = 0; turn < 4; turn++) await new Promise(setImmediate);
  };
  await pass(4_950);
  expect(isOver).toBe(false);
  await pass(100);
  expect(await outcome).toEqual({ ...ENDED, ended: false });
});

test("why something could not be ended is said, if it is known", () => {
  expect(reasonOf({ left: 1, why: { kind: "forbidden" } })).toBe("it is another user's");
  const why = { kind: "no-handle", code: "ENOSYS" } as const;
  expect(reasonOf({ left: 1, why })).toBe("there is no handle on it (ENOSYS)");
  expect(reasonOf({ left: 1 })).toBeUndefined();
});
