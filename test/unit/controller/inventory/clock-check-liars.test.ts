/** T68: agents that lie about the time. They answer always, and say something else each time. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Controller } from "../../../../src/controller/control-host.ts";
import { checkClock } from "../../../../src/controller/inventory/clock-check.ts";
import { unpairAgent } from "../../../../src/controller/inventory/unpair.ts";
import { rememberClocks } from "../../../../src/controller/store/known-clocks.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { writeAgent } from "../../../../src/controller/store/registry.ts";
import { rotateNow } from "../../../../src/controller/upkeep/rotate-now.ts";
import { addDays, isoSeconds } from "../../../../src/core/time.ts";
import { freePort } from "../../../../src/system/net/free-port.ts";
import { LocalFleet, ping } from "../../../support/local-fleet.ts";

const TWO_HOURS = 2 / 24;
const TEN_MINUTES = 1 / 144;
const SECOND = 1 / 86_400;

type Written = Record<string, { offset: number; seen: string }>;

function written({ config }: Controller): Written {
  return JSON.parse(readFileSync(paths(config).clocks, "utf8"));
}

/** As if what is written down had been seen so many days earlier. */
function age({ config }: Controller, clocks: Written, days: number): void {
  const older = Object.entries(clocks).map(([host, { offset, seen }]) => {
    return [host, { offset, seen: isoSeconds(addDays(new Date(seen), -days)) }];
  });
  writeFileSync(paths(config).clocks, JSON.stringify(Object.fromEntries(older)));
}

/** @param lie days by which every liar's clock is ahead, asked at each answer */
async function fleetOf(honest: number, liars: number, lie: () => number) {
  const fleet = await LocalFleet.create();
  const clock = () => addDays(fleet.now, lie());
  for (let index = 0; index < honest; index++) await fleet.addAgent(`good-${index}`);
  for (let index = 0; index < liars; index++) await fleet.addAgent(`evil-${index}`, { clock });
  return fleet;
}

/** Everybody is asked, and ten minutes pass in which nobody is. */
async function pingAll(fleet: LocalFleet, controller: Controller): Promise<void> {
  const names = fleet.agents.map(({ name }) => name);
  await ping(controller, names);
  age(controller, written(controller), TEN_MINUTES);
}

describe("T68 three liars of ten", () => {
  test("cannot keep a host whose clock is right from signing", async () => {
    let lie = TWO_HOURS;
    await using fleet = await fleetOf(7, 3, () => lie);
    await pingAll(fleet, fleet.controller);
    lie += 30 * SECOND;
    const verdict = await checkClock(fleet.controller);
    expect([verdict.kind, verdict.differ.length, verdict.seen]).toEqual(["fine", 3, 10]);
    await rotateNow(fleet.controller);
  });

  test("cannot make a host sign whose clock is wrong", async () => {
    let lie = TWO_HOURS + 20 * SECOND;
    await using fleet = await fleetOf(7, 3, () => lie);
    const wrong = { ...fleet.controller, now: () => addDays(fleet.now, TWO_HOURS) };
    await pingAll(fleet, wrong);
    lie -= 40 * SECOND;
    await expect(rotateNow(wrong)).rejects.toThrow("the clocks of 7 of the 10 hosts");
  });
});

test("T68 who was seen last is not who is asked", async () => {
  await using fleet = await fleetOf(0, 3, () => TWO_HOURS);
  const { controller } = fleet;
  const record = fleet.record("evil-0");
  const away = Array.from({ length: 2000 }, (_, index) => `away-${index}`);
  const port = freePort();
  for (const hostname of away) {
    const file = join(paths(controller.config).agents, `${hostname}.json`);
    writeFileSync(file, JSON.stringify({ ...record, hostname, port }));
  }
  rememberClocks(controller, new Map(away.map((host) => [host, 0])));
  age(controller, written(controller), TWO_HOURS);
  rememberClocks(controller, new Map(fleet.agents.map(({ name }) => [name, 7200])));
  // That all three are drawn among fifty happens once in 70,000 times.
  expect((await checkClock(controller)).kind).toBe("fine");
});

test("T68 an agent speaks for itself alone, though verify_agent_identity = ca", async () => {
  await using fleet = await LocalFleet.create(["verify_agent_identity = ca"]);
  await fleet.addAgent("evil-0", { clock: () => addDays(fleet.now, TWO_HOURS) });
  const record = fleet.record("evil-0");
  for (const hostname of ["good-1", "good-2"]) {
    writeAgent(fleet.controller.config, { ...record, hostname });
  }
  expect(await checkClock(fleet.controller)).toMatchObject({ kind: "doubtful", seen: 1 });
});

test("T21 clocks are written down of registered hosts alone, and go with them", async () => {
  await using fleet = await fleetOf(3, 0, () => 0);
  const { controller } = fleet;
  expect(await fleet.pingFailures(["good-0", "good-1", "good-2"])).toEqual([]);
  await unpairAgent(controller, "good-1", false);
  expect(Object.keys(written(controller)).sort()).toEqual(["good-0", "good-2"]);
  // A fan-out that was under way.
  rememberClocks(controller, new Map([["good-1", 90]]));
  expect(Object.keys(written(controller)).sort()).toEqual(["good-0", "good-2"]);
});
