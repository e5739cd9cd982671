/** The short form of `make fuzz` on every listening port. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeFault } from "../../fuzz/fuzz.ts";
import { fuzzPort } from "../../fuzz/fuzz-port.ts";
import { FuzzedFleet } from "../../fuzz/ports.ts";

let fleet: FuzzedFleet;
beforeAll(async () => {
  fleet = await FuzzedFleet.start();
});
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

const NAMES = [
  "agent, TCP",
  "agent, no certificate",
  "agent, another agent's certificate",
  "agent, the control host's certificate",
  "pairing, TCP",
  "pairing, TLS",
  "API, TCP",
  "API over TLS, TCP",
  "API over TLS, TLS",
];

test("T61 every port is in the list", () => {
  expect(fleet.ports.map(({ name }) => name)).toEqual(NAMES);
});

test.each(NAMES)("T61 %s: nothing that comes keeps it from serving", async (name) => {
  const port = fleet.ports.find((one) => one.name === name);
  if (port === undefined) throw new Error(`there is no port ${name}`);
  const budget = { seed: "1", maxRounds: 40, maxMs: 5000, patience: 4 };
  const { rounds, fault } = await fuzzPort(port, budget);
  expect(rounds).toBeGreaterThan(0);
  expect(fault && describeFault(fault)).toBeUndefined();
});
