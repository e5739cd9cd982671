/** What is looked at, and let go, of jobs whose end nobody has seen. */
import { expect, jest, test } from "bun:test";
import type { Cancels } from "../../../../src/agent/jobs/cancels.ts";
import type { CancelOutcome } from "../../../../src/agent/jobs/job.ts";
import { LostJobs } from "../../../../src/agent/jobs/lost-jobs.ts";
import type { Spool } from "../../../../src/agent/jobs/spool.ts";

class Lost {
  holds = 0;
  runs = true;
  isLost = true;
  isOver = false;
  remains: readonly unknown[] = [];
  readonly request: { readonly reqid: string };

  constructor(
    readonly name: string,
    readonly script: string,
  ) {
    this.request = { reqid: `of-${name}` };
  }

  hold() {
    this.holds += 1;
    return () => {
      this.holds -= 1;
    };
  }
}

const ENDED: CancelOutcome = { script: "s", ended: true, left: 0, reason: undefined };

function lostJobs(...jobs: readonly Lost[]) {
  const asked: unknown[][] = [];
  const spool = {
    lostOf: (script?: string) =>
      jobs.filter((job) => !job.isOver && (script === undefined || job.script === script)),
    find: (reqid: string) => jobs.find(({ request }) => request.reqid === reqid),
    isOver(job: Lost) {
      job.isOver = true;
    },
  };
  const cancels = {
    mayRun: async (job: Lost) => job.runs,
    async cancel(job: Lost, ...more: readonly unknown[]) {
      asked.push([job.name, job.holds, ...more]);
      return ENDED;
    },
  };
  const lost = new LostJobs(spool as unknown as Spool, cancels as unknown as Cancels);
  return { lost, asked };
}

test("those of a script that go on are named; one is over when nothing of it was seen three times in a row", async () => {
  const [one, two, other] = [new Lost("one", "s"), new Lost("two", "s"), new Lost("three", "t")];
  const { lost } = lostJobs(one, two, other);
  expect(await lost.runsOf("s")).toEqual(["of-one", "of-two"]);
  one.runs = false;
  for (const _ of [1, 2]) expect(await lost.runsOf("s")).toEqual(["of-two"]);
  expect(one.isOver).toBe(false);
  // It was only missed.
  one.runs = true;
  expect(await lost.runsOf("s")).toEqual(["of-one", "of-two"]);
  one.runs = false;
  for (const _ of [1, 2]) await lost.runsOf("s");
  expect(one.isOver).toBe(false);
  await lost.runsOf("s");
  expect([one, two, other].map(({ isOver }) => isOver)).toEqual([true, false, false]);
  // One that has the name again is looked at as often.
  one.isOver = false;
  await lost.runsOf("s");
  expect(one.isOver).toBe(false);
});

test("one that may run, or has left something, is ended, and kept meanwhile", async () => {
  const [job, ended, known] = [new Lost("one", "s"), new Lost("two", "s"), new Lost("three", "s")];
  const left = new Lost("four", "s");
  left.isLost = false;
  left.remains = [{}];
  ended.runs = false;
  known.isLost = false;
  const { lost, asked } = lostJobs(job, ended, known, left);
  expect(await lost.cancel("of-one", "alice", 500)).toEqual(ENDED);
  for (const reqid of ["of-two", "of-three", "of-nobody"]) {
    expect(await lost.cancel(reqid, "alice", 500)).toBeUndefined();
  }
  expect(await lost.cancel("of-four", "bob", 5)).toEqual(ENDED);
  expect(asked).toEqual([
    ["one", 1, "alice", 500],
    ["four", 1, "bob", 5],
  ]);
  expect([job, ended, known].map(({ holds }) => holds)).toEqual([0, 0, 0]);
});

test("they are looked at every minute until all are over, and not once that is closed", async () => {
  jest.useFakeTimers();
  try {
    lostJobs().lost.lookLater();
    expect(jest.getTimerCount()).toBe(0);
    const [one, two] = [new Lost("one", "s"), new Lost("two", "t")];
    const { lost } = lostJobs(one, two);
    const minute = async () => {
      jest.advanceTimersByTime(60_000);
      // A limit counts once the event loop has gone round.
      for (const _ of [1, 2, 3, 4]) await new Promise((resolve) => setImmediate(resolve));
    };
    lost.lookLater();
    // A second call begins no second round.
    lost.lookLater();
    one.runs = false;
    for (const _ of [1, 2]) await minute();
    expect(one.isOver).toBe(false);
    await minute();
    expect([one.isOver, two.isOver]).toEqual([true, false]);
    two.runs = false;
    lost.close();
    for (const _ of [1, 2, 3]) await minute();
    expect(two.isOver).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});
