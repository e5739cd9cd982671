/** The short form of `make fuzz`: the cases that were found, and the first rounds of one seed. */
import { describe, expect, test } from "bun:test";
import { CASES } from "./cases.ts";
import { describeFault, fuzz } from "./fuzz.ts";
import { faultOf } from "./judge.ts";
import { TARGETS } from "./targets/index.ts";

const ROUNDS = 60;
const MAX_MS = 1500;

/** Other tests run at the same time, and what runs away takes hundreds of times as long. */
const PATIENCE = 4;

function targetOf(name: string) {
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  return target;
}

test("T61 the targets have different names: a round is found again by its target's", () => {
  expect(new Set(TARGETS.map(({ name }) => name)).size).toBe(TARGETS.length);
});

describe("T61 what once ran away does so no more", () => {
  test.each(CASES.map((one) => [one.target, one.name, one.input] as const))(
    "%s: %s",
    async (target, _, input) => {
      expect(await faultOf(targetOf(target), input, PATIENCE)).toBeUndefined();
    },
  );
});

describe("T61 no input of 64 KiB takes long, much memory, or an error that is not ours", () => {
  test.each(TARGETS.map((target) => [target.name, target] as const))("%s", async (_, target) => {
    const { rounds, fault } = await fuzz(target, {
      seed: "1",
      maxRounds: ROUNDS,
      maxMs: MAX_MS,
      patience: PATIENCE,
    });
    expect(rounds).toBeGreaterThan(0);
    expect(fault && describeFault(fault)).toBeUndefined();
  });
});
