/** Cost as the work grows: time and memory per host must stay flat. */
import { mebi, number, withSpread } from "../figures.ts";
import { hostNames } from "../hosts.ts";
import { inTurns, peakOf, timeCommand } from "../process.ts";
import { atMost, type GrowthPoint, type SectionResult } from "../result.ts";
import type { Stage } from "../stage.ts";
import { PARALLEL } from "./fan-out.ts";

const SIZES = [100, 500, 1000, 2000, 5000];
const TURNS = { rounds: 5, budgetMs: 8_000 };

export async function growth(stage: Stage): Promise<SectionResult> {
  const most = SIZES.at(-1) ?? 0;
  const points: GrowthPoint[] = [];
  const rows: string[][] = [];
  const bare = await bareTimes(stage, most);
  await using servers = await stage.agents(most);
  void servers;
  for (const hosts of SIZES) {
    const config = stage.fleet.controlHost(hosts, [`max_hosts = ${most}`]);
    const names = hostNames(hosts);
    const argv = stage.ctrlExec(config, "run", ...names, "true");
    const found = await inTurns(
      [
        { name: "run", measure: () => timeCommand({ argv }) },
        {
          name: "list",
          measure: () => timeCommand({ argv: stage.ctrlExec(config, "list-agents") }),
        },
      ],
      TURNS,
    );
    const run = found.get("run");
    const list = found.get("list");
    if (run === undefined || list === undefined) throw new Error(`no time for ${hosts} hosts`);
    const bytes = await peakOf({ argv }, "status", "VmHWM");
    const bareMs = bare.get(hosts) ?? Number.NaN;
    points.push({ hosts, msPerHost: run.median / hosts, bareMsPerHost: bareMs / hosts, bytes });
    rows.push([
      number(hosts),
      withSpread(run, "ms"),
      `${number(run.median / hosts)} ms`,
      `${number(bareMs / hosts)} ms`,
      mebi(bytes),
      withSpread(list, "ms"),
    ]);
  }
  const [first] = points;
  const last = points.at(-1);
  if (first === undefined || last === undefined) throw new Error("no points");
  const grown = (last.bytes - first.bytes) / (last.hosts - first.hosts);
  return {
    text:
      `\`run true\` on every registered host, ${PARALLEL} at once, \`max_hosts\` raised for the purpose. The agents ` +
      "are real; all of them share two cores with the controller.",
    tables: [
      {
        title: "Time and memory as the fleet grows",
        header: ["hosts", "run", "per host", "bare limit per host", "peak memory", "list-agents"],
        rows,
      },
    ],
    aims: [
      atMost(
        `time per host, ${last.hosts} hosts relative to ${first.hosts}`,
        last.msPerHost / first.msPerHost,
        1.2,
      ),
      {
        what: "memory for each more host",
        wanted: "at most 64 KiB",
        got: `${number(grown / 1024)} KiB`,
        met: grown <= 65_536,
      },
    ],
    notMeasured: [],
    growth: points,
  };
}

async function bareTimes(stage: Stage, most: number): Promise<Map<number, number>> {
  await using servers = await stage.bareServers(most);
  void servers;
  const found = new Map<number, number>();
  for (const hosts of SIZES) {
    const argv = await stage.bareClient(hosts, hosts, PARALLEL, "/run");
    const name = `${hosts}`;
    const times = await inTurns([{ name, measure: () => timeCommand({ argv }) }], TURNS);
    found.set(hosts, times.get(name)?.median ?? Number.NaN);
  }
  return found;
}
