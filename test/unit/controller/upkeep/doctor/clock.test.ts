import { expect, test } from "bun:test";
import { clockFindings } from "../../../../../src/controller/upkeep/doctor/clock.ts";
import { register } from "../../../../support/doctor.ts";
import { LocalFleet } from "../../../../support/local-fleet.ts";

test("the clock is judged by what hosts have reported in the last day, and nobody is asked", async () => {
  await using fleet = await LocalFleet.bare();
  const { controller } = fleet;
  const { registry, clocks } = controller.store;
  for (const name of ["web-01", "web-02", "web-03"]) register(fleet, name);
  const found = async () => {
    const [one] = await clockFindings(controller, (await registry.read()).agents);
    return [one?.ok, one?.detail, one?.remedy];
  };
  const none = "no host has reported its time in the last day";
  expect(await found()).toEqual([true, none, undefined]);
  const tell = async (...offsets: number[]) => {
    const told = offsets.map((offset, at) => [`web-0${at + 1}`, offset] as const);
    await clocks.remember(new Map(told));
  };
  await tell(59, -59, 0);
  expect(await found()).toEqual([true, "agrees with 3 hosts", undefined]);
  await tell(7200, 0, 0);
  expect(await found()).toEqual([
    false,
    "agrees with most hosts, but not with web-01 (web-01 is 2 hours ahead)",
    "set the clocks of these hosts",
  ]);
  await tell(7200, 7200, 3600);
  expect(await found()).toEqual([
    false,
    "the clocks of 3 of the 3 hosts that have answered disagree with this host's (web-01 is 2 hours ahead)",
    "set this host's clock if it is wrong, else theirs",
  ]);
  fleet.passDays(2);
  expect(await found()).toEqual([true, none, undefined]);
});
