import { expect, test } from "bun:test";
import { LocalFleet } from "../../../support/local-fleet.ts";

test("T21 of the requests that were pushed out the last hundred are remembered", async () => {
  await using fleet = await LocalFleet.bare();
  const { store } = fleet.controller;
  const idOf = (number: number) => number.toString(16).padStart(16, "0");
  fleet.folder.write("control/state/pairing/pushed-out.json", "{ cut");
  await store.exclusively(async (writer) => {
    for (let number = 0; number <= 100; number++) await writer.rememberPushedOut(idOf(number));
  });
  const known = [0, 1, 100, 101].map((number) => store.pairing.wasPushedOut(idOf(number)));
  expect(await Promise.all(known)).toEqual([false, true, true, false]);
});
