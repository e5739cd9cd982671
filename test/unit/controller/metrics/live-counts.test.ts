import { expect, test } from "bun:test";
import { LiveCounts } from "../../../../src/controller/metrics/live-counts.ts";
import type { AllCounts, CountStore } from "../../../../src/controller/store/ports/counts.ts";
import type { ControlEvent } from "../../../../src/core/events.ts";
import { controlTally } from "../../../../src/core/metrics/control-counting.ts";
import type { Counts } from "../../../../src/core/metrics/tally.ts";

const DRY_RUN: ControlEvent = {
  event: "dry-run",
  hosts: ["web-01"],
  reqid: "0123456789abcdef",
  script: "deploy",
  user: "alice",
};
const UNCOUNTED: ControlEvent = { event: "config-warn", msg: "x" };

/** In memory; it may be switched off, as on a full disk. */
class Store implements CountStore {
  readonly kept = controlTally({ onlyTimed: true });
  asked = 0;
  read = true;
  works = true;
  /** Called before it answers. */
  meanwhile: () => void = () => undefined;

  async isRead(): Promise<boolean> {
    return this.read;
  }

  async readAll(counts: Counts): Promise<AllCounts | undefined> {
    this.asked += 1;
    if (this.works) this.kept.merge(counts);
    this.meanwhile();
    return this.works ? { counts: new Map(this.kept.counts), since: new Date(0) } : undefined;
  }
}

function opened() {
  const store = new Store();
  const live = new LiveCounts();
  const logged: ControlEvent[] = [];
  const log = live.counting((event) => logged.push(event));
  live.keepIn(store);
  const shown = async () => (await live.all())?.counts.get("ctrl_exec_dry_runs")?.[0];
  return { store, live, log, logged, shown };
}

test("events are logged at once, and added once somebody asks or the process ends", async () => {
  const { store, live, log, logged, shown } = opened();
  log(DRY_RUN);
  expect(logged).toEqual([DRY_RUN]);
  expect(store.asked).toBe(0);
  await live.add();
  expect(store.kept.counts.get("ctrl_exec_dry_runs")).toEqual([1]);
  log(DRY_RUN);
  expect(await shown()).toBe(2);
});

test("a process that has counted nothing does not ask for the store", async () => {
  const { store, live, log } = opened();
  await live.add();
  log(UNCOUNTED);
  await live.add();
  expect(store.asked).toBe(0);
});

test("where nobody reads the counts, nothing is kept in memory or written", async () => {
  const { store, live, log, shown } = opened();
  store.read = false;
  log(DRY_RUN);
  await live.add();
  expect(store.asked).toBe(0);
  expect(await shown()).toBeUndefined();
});

test("T22 what cannot be added is shown all the same, and added later, once", async () => {
  const { store, live, log, shown } = opened();
  log(DRY_RUN);
  expect(await shown()).toBe(1);
  store.works = false;
  log(DRY_RUN);
  expect(await shown()).toBe(2);
  log(DRY_RUN);
  await live.add();
  expect(await shown()).toBe(3);
  store.works = true;
  expect(await shown()).toBe(3);
  expect(store.kept.counts.get("ctrl_exec_dry_runs")).toEqual([3]);
});

test("what happens while the store is written is not lost", async () => {
  const { store, live, log, shown } = opened();
  log(DRY_RUN);
  store.meanwhile = () => {
    store.meanwhile = () => undefined;
    log(DRY_RUN);
    void live.add();
  };
  await Promise.all([live.add(), live.all()]);
  expect(await shown()).toBe(2);
});
