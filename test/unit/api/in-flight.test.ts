/** What is waited for when the API stops, and given up. */
import { expect, test } from "bun:test";
import { InFlight } from "../../../src/api/in-flight.ts";
import type { RunUnderWay } from "../../../src/controller/runs/run.ts";

type Report = Awaited<RunUnderWay["finished"]>;

/** A run whose hosts never answer: it ends when it is given up. */
function endless(reqid: string) {
  const { promise: finished, resolve, reject } = Promise.withResolvers<Report>();
  const whys: string[] = [];
  const run: RunUnderWay = {
    reqid,
    finished,
    async abandon(why) {
      whys.push(why);
      resolve({ reqid } as Report);
    },
  };
  return { run, whys, reject };
}

test("runs are waited for until the time is over, then each is given up, and nothing is under way", async () => {
  const inFlight = new InFlight();
  expect(await inFlight.idleWithin(20_000)).toBe(true);
  const [one, two] = [endless("1"), endless("2")];
  for (const { run } of [one, two]) inFlight.track(run, () => undefined);
  expect(await inFlight.idleWithin(10)).toBe(false);
  const idle = inFlight.idleWithin(20_000);
  await inFlight.abandonRuns("the API stopped");
  expect([one.whys, two.whys]).toEqual([["the API stopped"], ["the API stopped"]]);
  expect(await idle).toBe(true);
  // What is over is not given up once more.
  await inFlight.abandonRuns("again");
  expect([one.whys.length, two.whys.length]).toEqual([1, 1]);
});

test("a run that fails is reported, and not waited for", async () => {
  const inFlight = new InFlight();
  const { run, reject } = endless("1");
  const failures: unknown[] = [];
  inFlight.track(run, (thrown) => void failures.push(thrown));
  const idle = inFlight.idleWithin(20_000);
  reject("the disk is full");
  expect([await idle, failures]).toEqual([true, ["the disk is full"]]);
});

test("no rollout begins another batch, whether it is under way or is accepted later", () => {
  const inFlight = new InFlight();
  const told: string[] = [];
  const rollout = (reqid: string): RunUnderWay => ({
    ...endless(reqid).run,
    beginNoMore: (why) => told.push(`${reqid}: ${why}`),
  });
  inFlight.track(rollout("1"), () => undefined);
  expect(told).toEqual([]);
  inFlight.beginNoMore("the API stops");
  inFlight.track(rollout("2"), () => undefined);
  // One that is no rollout has nothing to begin.
  inFlight.track(endless("3").run, () => undefined);
  expect(told).toEqual(["1: the API stops", "2: the API stops"]);
});
