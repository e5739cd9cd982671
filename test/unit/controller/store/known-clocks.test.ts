import { expect, test } from "bun:test";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import {
  forgetClock,
  knownClocks,
  rememberClocks,
} from "../../../../src/controller/store/known-clocks.ts";
import { lockPath } from "../../../../src/controller/store/lock-path.ts";
import { paths } from "../../../../src/controller/store/paths.ts";
import { writeAgent } from "../../../../src/controller/store/registry.ts";
import { isoSeconds } from "../../../../src/core/time.ts";
import { takeLock } from "../../../../src/system/files/lock.ts";
import { until } from "../../../support/folder.ts";
import { LocalFleet } from "../../../support/local-fleet.ts";

const HOUR = 3_600_000;

/** Two registered hosts, and a clock that begins at the full hour. */
async function desk() {
  const fleet = await LocalFleet.create();
  await fleet.addAgent("Web-01");
  const { config, log } = fleet.controller;
  writeAgent(config, { ...fleet.record("web-01"), hostname: "web-02" });
  const begin = Math.floor(fleet.now.getTime() / HOUR) * HOUR;
  const at = (ms: number) => ({
    ...fleet.controller,
    config,
    log,
    now: () => new Date(begin + ms),
  });
  return {
    fleet,
    config,
    at,
    time: (ms: number) => isoSeconds(new Date(begin + ms)),
    remember: (ms: number, clocks: Record<string, number>) =>
      rememberClocks(at(ms), new Map(Object.entries(clocks))),
    written: () => JSON.parse(readFileSync(paths(config).clocks, "utf8")),
    [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose](),
  };
}

test("a clock is written down at once when it moves by more than 5 seconds, else once an hour", async () => {
  await using here = await desk();
  const { remember, time } = here;
  const first = (offset: number, ms: number) =>
    expect(here.written()["web-02"]).toEqual({ offset, seen: time(ms) });
  remember(0, { "web-02": 1 });
  first(1, 0);
  remember(60_000, { "web-02": 6 });
  first(1, 0);
  remember(60_000, { "web-02": -5 });
  first(-5, 60_000);
  remember(HOUR - 1000, { "web-02": -5 });
  first(-5, 60_000);
  remember(HOUR, { "web-02": -5 });
  first(-5, HOUR);
  // What comes from the future has no age: the clock has been set back since.
  remember(-HOUR, { "web-02": -5 });
  first(-5, -HOUR);
});

test("T68 a clock that differs is told when it is written down", async () => {
  await using here = await desk();
  here.remember(0, { "Web-01": 59, "web-02": -60 });
  here.remember(1000, { "web-02": -60 });
  expect(here.fleet.log.of("clock-differs")).toMatchObject([
    { fields: { AGENT: "web-02", OFFSET: -60 } },
  ]);
});

test("one host has one clock, however it is spelled, and goes when it is forgotten", async () => {
  await using here = await desk();
  const { config, at } = here;
  here.remember(0, { "web-01": 7, "web-02": 8, stranger: 9 });
  here.remember(1000, { "Web-01": 70 });
  expect(here.written()).toEqual({
    "Web-01": { offset: 70, seen: here.time(1000) },
    "web-02": { offset: 8, seen: here.time(0) },
  });
  expect(knownClocks(config, new Map([["web-01", 1]])).map(({ offset }) => offset)).toEqual([70]);
  forgetClock(at(2000), "WEB-01");
  expect(Object.keys(here.written())).toEqual(["web-02"]);
});

test("T21 a sighting is kept for a week", async () => {
  await using here = await desk();
  here.remember(0, { "Web-01": 7 });
  here.remember(7 * 24 * HOUR - 1000, { "web-02": 8 });
  expect(Object.keys(here.written())).toEqual(["Web-01", "web-02"]);
  here.remember(7 * 24 * HOUR, { "web-02": 80 });
  expect(Object.keys(here.written())).toEqual(["web-02"]);
});

test("a file that cannot be used counts as none, and one sighting without a time as no sighting", async () => {
  await using here = await desk();
  const agents = new Map([["web-02", 1]]);
  writeFileSync(paths(here.config).clocks, "{");
  expect(knownClocks(here.config, agents)).toEqual([]);
  const seen = here.time(0);
  writeFileSync(
    paths(here.config).clocks,
    JSON.stringify({ "web-01": { offset: 1, seen: "soon" }, "web-02": { offset: 2, seen } }),
  );
  const all = new Map([...agents, ["web-01", 1]]);
  const known = () => knownClocks(here.config, all);
  expect(known()).toEqual([{ host: "web-02", offset: 2, seen: new Date(seen) }]);
  const isOneOfBefore = (clock: unknown) => clock !== undefined && clock === known()[0];
  await until("it is not read again", () => isOneOfBefore(known()[0]));
});

test("what cannot be written, or forgotten, is logged and stands in nobody's way", async () => {
  await using here = await desk();
  here.remember(0, { "Web-01": 7 });
  const locks = here.fleet.folder.join("control/state/locks");
  rmSync(locks, { recursive: true });
  here.fleet.folder.write("control/state/locks", "in the way");
  here.remember(1000, {});
  expect(here.fleet.log.of("config-warn")).toEqual([]);
  here.remember(1000, { "Web-01": 70 });
  forgetClock(here.at(1000), "Web-01");
  const said = { KEY: "state_dir", MSG: expect.stringContaining(locks) };
  expect(here.fleet.log.of("config-warn").map(({ fields }) => fields)).toEqual([said, said]);
  expect(here.written()).toEqual({ "Web-01": { offset: 7, seen: here.time(0) } });
});

test("while another process writes them nobody waits, and the next answer says it again", async () => {
  await using here = await desk();
  here.remember(0, { "Web-01": 7 });
  {
    using _lock = await takeLock(lockPath(here.config, "clocks"));
    here.remember(0, { "web-02": 90 });
    forgetClock(here.at(0), "Web-01");
    expect(Object.keys(here.written())).toEqual(["Web-01"]);
    expect(here.fleet.log.of("clock-differs")).toEqual([]);
  }
  here.remember(1000, { "web-02": 90 });
  expect(Object.keys(here.written())).toEqual(["Web-01", "web-02"]);
  expect(here.fleet.log.of("clock-differs")).toHaveLength(1);
});
