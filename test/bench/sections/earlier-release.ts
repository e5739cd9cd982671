/** `run true` beside 1.0, whose runs were no jobs: the whole command on one host, and on many. */
import { join } from "node:path";
import { BINARY } from "../../support/binary.ts";
import { times, withSpread } from "../figures.ts";
import { hostName, hostNames } from "../hosts.ts";
import { outputOf, timeCommand } from "../process.ts";
import { type Aim, atMost, type SectionResult } from "../result.ts";
import type { Stage } from "../stage.ts";
import { type Summary, summarise } from "../statistics.ts";

const ROOT = join(import.meta.dir, "../../..");
const RELEASE = join(ROOT, ".tools", "release-1.0");
const RUNS = [
  { hosts: 1, rounds: 10 },
  { hosts: 500, rounds: 3 },
] as const;
const LIMIT = 1.15;

export async function earlierRelease(stage: Stage): Promise<SectionResult> {
  const result: Omit<SectionResult, "notMeasured"> = {
    text:
      "The command of each release over its own agents. One agent is a compiled program; the agents of many hosts share " +
      "processes. The two releases were measured alternately. A run of 1.1 outlives its agent and its command, is recorded before it is sent, and " +
      "is counted for the metrics; one of 1.0 did none of it.",
    tables: [],
    aims: [],
  };
  try {
    await outputOf({ argv: ["sh", join(ROOT, "test/install/release-1.0.sh")] });
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return { ...result, notMeasured: [`1.0: ${why}`] };
  }
  const rows: string[][] = [];
  const aims: Aim[] = [];
  for (const { hosts, rounds } of RUNS) {
    const config = stage.fleet.controlHost(hosts);
    const { now, before } = await measure(stage, config, hosts, rounds);
    const ratio = now.median / before.median;
    rows.push([
      `${hosts}`,
      withSpread(now, "ms"),
      withSpread(before, "ms"),
      times(now.median, before.median),
    ]);
    aims.push(atMost(`\`run true\` on ${hosts} hosts relative to 1.0`, ratio, LIMIT));
  }
  const header = ["hosts", "this release", "1.0", "relative to 1.0"];
  return {
    ...result,
    tables: [{ title: "`run true`, from start to exit", header, rows }],
    aims,
    notMeasured: [],
  };
}

/** Both kinds of agents have the same addresses and port, so that each takes its turn. */
async function measure(
  stage: Stage,
  config: string,
  hosts: number,
  rounds: number,
): Promise<{ readonly now: Summary; readonly before: Summary }> {
  const names = hosts === 1 ? [hostName(0)] : hostNames(hosts);
  const command = (binary: string) => ({
    argv: stage.ctrlExecOf(binary, config, "run", ...names, "true"),
  });
  const taken = { now: [] as number[], before: [] as number[] };
  for (let part = 0; part < PARTS; part++) {
    for (const which of ["now", "before"] as const) {
      const isOld = which === "before";
      await using agents =
        hosts === 1
          ? await (isOld ? stage.agentOf(RELEASE, 0) : stage.agent(0))
          : await stage.agents(hosts, isOld ? join(RELEASE, "source") : ROOT);
      const binary = isOld ? join(RELEASE, "ctrl-exec") : BINARY;
      // The first warms both sides up.
      await timeCommand(command(binary));
      for (let round = 0; round < rounds; round++) {
        const ms = await timeCommand(command(binary));
        if (ms !== undefined) taken[which].push(ms);
      }
      void agents;
    }
  }
  return { now: summarise(taken.now), before: summarise(taken.before) };
}

/** How often the two take turns. */
const PARTS = 3;
