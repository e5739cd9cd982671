/**
 * `make fuzz`: every parser and every listening port with generated and mutated input.
 *
 *   FUZZ_SEED=...      the inputs of an earlier run, which printed it; a new one when it is not set
 *   FUZZ_SECONDS=...   all targets together; 180 when it is not set
 *   FUZZ_ONLY=...      the targets whose names hold this
 *
 * Ends 1 when something was found. What it finds belongs into cases.ts once it is mended.
 */
import { CASES } from "./cases.ts";
import { type Budget, describeFault, type Fault, fuzz } from "./fuzz.ts";
import { fuzzPort } from "./fuzz-port.ts";
import { faultOf } from "./judge.ts";
import { FuzzedFleet } from "./ports.ts";
import { TARGETS } from "./targets/index.ts";

const seed = process.env.FUZZ_SEED ?? String(Date.now());
const seconds = Number(process.env.FUZZ_SECONDS ?? 180);
const only = process.env.FUZZ_ONLY ?? "";

process.exit(await main());

async function main(): Promise<number> {
  console.log(`FUZZ_SEED=${seed} FUZZ_SECONDS=${seconds}`);
  await using fleet = await FuzzedFleet.start();
  const targets = TARGETS.filter(({ name }) => name.includes(only));
  const ports = fleet.ports.filter(({ name }) => name.includes(only));
  const share = (seconds * 1000) / Math.max(1, targets.length + 3 * ports.length);
  const budget: Budget = { seed, maxRounds: Number.POSITIVE_INFINITY, maxMs: share, patience: 1 };
  const faults: Fault[] = [];
  for (const { target: name, name: found, input } of CASES) {
    const target = targets.find((one) => one.name === name);
    const what = target === undefined ? undefined : await faultOf(target, input);
    if (what !== undefined) faults.push({ target: name, found, what, input });
  }
  for (const target of targets) tell(target.name, await fuzz(target, budget), faults);
  for (const port of ports) {
    tell(port.name, await fuzzPort(port, { ...budget, maxMs: 3 * share }), faults);
  }
  for (const fault of faults) console.log(`\n${describeFault(fault)}`);
  console.log(`\n${faults.length} faults; the same again: FUZZ_SEED=${seed} make fuzz`);
  return faults.length === 0 ? 0 : 1;
}

function tell(
  name: string,
  { rounds, fault }: Awaited<ReturnType<typeof fuzz>>,
  faults: Fault[],
): void {
  console.log(`${fault === undefined ? "ok  " : "FAIL"} ${name.padEnd(48)} ${rounds} inputs`);
  if (fault !== undefined) faults.push(fault);
}
