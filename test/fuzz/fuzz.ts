/** Rounds of inputs against one parser. Round N of a seed is the same input every time. */
import { inputOf } from "./inputs.ts";
import { faultOf } from "./judge.ts";
import { randomOf } from "./random.ts";
import { seedsOf, type Target } from "./target.ts";

export interface Fault {
  readonly target: string;
  /** As it can be asked for again: a round, or the name of a case. */
  readonly found: string;
  readonly what: string;
  readonly input: Buffer;
}

export interface Budget {
  readonly seed: string;
  readonly maxRounds: number;
  readonly maxMs: number;
  /** See faultOf. */
  readonly patience: number;
}

/** Stops at the first fault. */
export async function fuzz(
  target: Target,
  { seed, maxRounds, maxMs, patience }: Budget,
): Promise<{ readonly rounds: number; readonly fault: Fault | undefined }> {
  const seeds = seedsOf(target);
  const end = performance.now() + maxMs;
  let round = 0;
  for (; round < maxRounds && performance.now() < end; round += 1) {
    // The sound inputs first: with a fault in those, all the rest would say nothing.
    const input = seeds[round] ?? inputOf(randomOf(seed, target.name, round), seeds, target.pieces);
    const what = await faultOf(target, input, patience);
    if (what === undefined) continue;
    const found = `round ${round} of FUZZ_SEED=${seed}`;
    return { rounds: round + 1, fault: { target: target.name, found, what, input } };
  }
  return { rounds: round, fault: undefined };
}

/** What a person needs to look into it. */
export function describeFault({ target, found, what, input }: Fault): string {
  const shown = JSON.stringify(input.toString("latin1", 0, 300));
  return `${target}: ${found}: ${what}\n  ${input.length} bytes: ${shown}`;
}
