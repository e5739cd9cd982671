/** Of which runs an agent is certain that they have not run, also after it was started again. */
import { expect, test } from "bun:test";
import { chmodSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { KnownRuns } from "../../../../src/agent/jobs/known-runs.ts";
import { TestFolder } from "../../../support/folder.ts";
import { TestJobs } from "../../../support/job-table.ts";

const MINUTE = 60_000;
const DAY = 86_400_000;

/** Agents that start one after the other, on a host whose clock may be set. */
class Host implements Disposable {
  readonly #folder = new TestFolder();
  /** Milliseconds by which the clock is wrong. */
  shift = 0;

  constructor() {
    chmodSync(this.#folder.path, 0o700);
  }

  start(): KnownRuns {
    return new KnownRuns(this.#folder.path, () => new Date(this.at(0)));
  }

  /** Milliseconds since 1970. */
  at(minute: number): number {
    return Date.now() + this.shift + minute * MINUTE;
  }

  get note(): string {
    return this.#folder.join("known-since");
  }

  get withdrawn(): string {
    return this.#folder.join("withdrawn");
  }

  /** An agent has noted that it knows all since an hour ago. */
  wasHereForAnHour(): void {
    this.start().note();
    this.#sinceAnHour();
  }

  change(change: object): void {
    const noted = JSON.parse(readFileSync(this.note, "utf8"));
    this.#folder.write("known-since", JSON.stringify({ ...noted, ...change }));
    this.#sinceAnHour();
  }

  #sinceAnHour(): void {
    utimesSync(this.note, new Date(), new Date(this.at(-60)));
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** Seconds do not matter. */
const minutes = ({ sinceMs }: KnownRuns) => Math.round(sinceMs / MINUTE);

test("without a note of an earlier agent it knows of nothing before its own start", () => {
  using host = new Host();
  const known = host.start();
  expect(known.sinceMs).toBeLessThan(MINUTE);
  known.forget(host.at(1));
  expect(known.sinceMs).toBe(0);
});

test("the next agent knows as much, and what was forgotten is not known any more", () => {
  using host = new Host();
  host.wasHereForAnHour();
  const first = host.start();
  expect(minutes(first)).toBe(60);
  // The system tells its age in whole seconds.
  expect(first.sinceMs).toBeLessThanOrEqual(60 * MINUTE - 1000);
  first.forget(host.at(-30));
  first.forget(host.at(-45));
  for (const known of [first, host.start()]) expect(minutes(known)).toBe(30);
  expect(statSync(host.note).mode & 0o777).toBe(0o600);
});

test("a folder that was made again does not go back further than what is known", () => {
  using host = new Host();
  host.wasHereForAnHour();
  const known = host.start();
  known.forget(host.at(-20));
  known.note();
  expect(minutes(host.start())).toBe(20);
});

test("the clock is set: nothing is known of runs before", () => {
  using host = new Host();
  for (const days of [3, -3]) {
    host.wasHereForAnHour();
    const known = host.start();
    host.shift += days * DAY;
    expect(known.sinceMs).toBe(0);
    // Nor does the next agent know of them.
    expect(minutes(host.start())).toBe(0);
    expect(host.start().sinceMs).toBe(0);
  }
});

test("the clock is set and set back: nothing is known of runs before", () => {
  using host = new Host();
  host.wasHereForAnHour();
  const known = host.start();
  host.shift = -3 * DAY;
  // A job has ended.
  known.watchClock();
  host.shift = 0;
  // It is cleared away: by its time, it ended long ago.
  known.forget(host.at(0) - 3 * DAY);
  expect(minutes(known)).toBe(0);
});

test("the clock is set while there is no agent, or the host goes down: nothing is known of runs before", () => {
  using host = new Host();
  host.wasHereForAnHour();
  host.change({ boot: "another" });
  expect(host.start().sinceMs).toBeLessThan(MINUTE);
  host.wasHereForAnHour();
  host.change({ booted: host.at(-1_000_000) });
  expect(host.start().sinceMs).toBeLessThan(MINUTE);
  host.wasHereForAnHour();
  host.shift = 3 * DAY;
  expect(host.start().sinceMs).toBeLessThan(MINUTE);
});

test("the note has the time of the boot, which stays the same from one agent to the next", () => {
  using host = new Host();
  host.start().note();
  const { booted } = JSON.parse(readFileSync(host.note, "utf8"));
  const [seconds] = readFileSync("/proc/uptime", "utf8").split(" ");
  expect(Math.abs(Date.now() - Number(seconds) * 1000 - booted)).toBeLessThan(5_000);
});

test("the note was lost, or is another's: nothing is known of runs before", () => {
  using host = new Host();
  for (const change of [{ boot: 1 }, { booted: "1" }]) {
    host.wasHereForAnHour();
    host.change(change);
    expect(host.start().sinceMs).toBeLessThan(MINUTE);
  }
});

test("a run is cleared away because the clock was set: it is not said never to have run", async () => {
  await using jobs = await TestJobs.create();
  jobs.shift = -3 * DAY;
  jobs.folder.write("go", "");
  const table = await jobs.table();
  const run = async () => {
    const order = jobs.order("true");
    const outcome = await table.start(order);
    if (outcome.kind !== "started") throw new Error(outcome.kind);
    await outcome.job.ended;
    outcome.letGo();
    return order.reqid;
  };
  const begun = performance.now();
  const first = await run();
  jobs.shift = 0;
  await run();
  const withdrawal = table.withdraw(first, "");
  if (withdrawal.kind !== "withdrawn") throw new Error("it is still there");
  expect(withdrawal.knownMs).toBeLessThan(performance.now() - begun);
});

test("what was withdrawn stays so, also for the next agent, as long as there is room", () => {
  using host = new Host();
  const reqid = (count: number) => count.toString(16).padStart(16, "0");
  // What a full disk has cut costs nothing else.
  writeFileSync(
    host.withdrawn,
    [...Array.from({ length: 10_001 }, (_, n) => reqid(n)), "00"].join("\n"),
  );
  const first = host.start();
  expect([0, 1, 10_000].map((count) => first.withdrawnBy(reqid(count)) !== undefined)).toEqual([
    false,
    true,
    true,
  ]);
  expect(first.withdraw(reqid(20_000), "")).toBeUndefined();
  const known = host.start();
  expect([1, 2, 20_000].map((count) => known.withdrawnBy(reqid(count)) !== undefined)).toEqual([
    false,
    true,
    true,
  ]);
});

test("what is withdrawn and cannot be noted is promised to nobody, and does not start meanwhile", async () => {
  await using jobs = await TestJobs.create();
  jobs.folder.write("jobs", "a file");
  const table = await jobs.table();
  const order = jobs.order("true");
  const problem = `Cannot write ${jobs.folder.join("jobs", "withdrawn")}: it is not a folder`;
  expect(table.withdraw(order.reqid, "")).toEqual({ kind: "unnoted", problem });
  expect(await table.start(order)).toEqual({ kind: "withdrawn", by: "" });
  rmSync(jobs.folder.join("jobs"));
  expect(table.withdraw(order.reqid, "")).toMatchObject({ kind: "withdrawn" });
  expect(await (await jobs.table()).start(order)).toEqual({ kind: "withdrawn", by: "" });
});
