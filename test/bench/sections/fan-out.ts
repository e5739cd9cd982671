/** `run true` on many hosts at once, beside what else does that. */
import { perSecond, times, withSpread } from "../figures.ts";
import { hostNames } from "../hosts.ts";
import { inTurns, outputOf, type Subject, timeCommand } from "../process.ts";
import { type Aim, atLeast, atMost, type SectionResult } from "../result.ts";
import { CLUSH, sshFanOut } from "../ssh-fan-out.ts";
import type { Stage } from "../stage.ts";
import { quantile, type Summary, summarise } from "../statistics.ts";

const SIZES = [1, 10, 50, 200, 500];
/** What ctrl-exec does at once by default; the others are told to do the same. */
export const PARALLEL = 64;
const OURS = { rounds: 5, budgetMs: 8_000 };
const LIMIT_MS = 60_000;
const TRUE = Bun.which("true") ?? "/bin/true";

type Measured = Map<string, Map<number, Summary>>;

export async function fanOut(stage: Stage): Promise<SectionResult> {
  const measured: Measured = new Map();
  const keep = (hosts: number, found: Map<string, Summary>) => {
    for (const [name, summary] of found) {
      const row = measured.get(name) ?? new Map<number, Summary>();
      measured.set(name, row.set(hosts, summary));
    }
  };
  const spreads: { p50: number; p99: number }[] = [];
  for (const hosts of SIZES) {
    const config = stage.fleet.controlHost(hosts);
    const names = hostNames(hosts);
    {
      await using servers = await stage.agents(hosts);
      const ours = [
        { name: RUN, argv: stage.ctrlExec(config, "run", ...names, "true") },
        { name: PING, argv: stage.ctrlExec(config, "ping", ...names) },
      ];
      keep(hosts, await inTurns(ours.map(subject), OURS));
      if (hosts === SIZES.at(-1)) {
        for (let round = 0; round < OURS.rounds; round++) {
          spreads.push(await roundTrips(stage.ctrlExec(config, "run", ...names, "true", "--json")));
        }
      }
      void servers;
    }
    for (const file of [undefined, TRUE]) {
      await using servers = await stage.bareServers(hosts, file);
      const argv = await stage.bareClient(hosts, hosts, PARALLEL, "/run");
      const name = file === undefined ? BARE : BARE_TRUE;
      keep(hosts, await inTurns([subject({ name, argv })], OURS));
      void servers;
    }
  }
  const notMeasured = await sshFanOut(stage, SIZES, PARALLEL, LIMIT_MS, keep);
  return {
    text:
      `Hosts per second of the whole command, always with ${PARALLEL} at once. The agents are real, ` +
      "many in one process, each with an address of its own. The bare limit is the same number of mTLS " +
      "requests from the smallest possible client, also a compiled program, to the smallest possible " +
      "server; with `true`, that server starts the program for each request, as an agent does.",
    tables: [rates(measured), roundTripTable(spreads)],
    aims: aimsOf(measured, spreads),
    notMeasured,
  };
}

const RUN = "ctrl-exec run true";
const PING = "ctrl-exec ping";
const BARE = "the bare limit";
const BARE_TRUE = "the bare limit with `true`";

function subject({ name, argv }: { name: string; argv: readonly string[] }): Subject {
  return { name, measure: () => timeCommand({ argv }, LIMIT_MS) };
}

/** Each host's own time, as the results say it. */
async function roundTrips(argv: readonly string[]): Promise<{ p50: number; p99: number }> {
  const { results } = JSON.parse(await outputOf({ argv })) as { results: { rtt: string }[] };
  const sorted = results.map(({ rtt }) => Number.parseFloat(rtt)).toSorted((a, b) => a - b);
  return { p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
}

function rates(measured: Measured) {
  return {
    title: "Hosts per second",
    header: ["", ...SIZES.map((hosts) => `N = ${hosts}`)],
    rows: [...measured].map(([name, row]) => [
      name,
      ...SIZES.map((hosts) => {
        const summary = row.get(hosts);
        return summary === undefined ? "not measured" : withSpread(perSecond(summary, hosts), "/s");
      }),
    ]),
  };
}

function roundTripTable(spreads: readonly { p50: number; p99: number }[]) {
  const p50 = summarise(spreads.map((spread) => spread.p50));
  const p99 = summarise(spreads.map((spread) => spread.p99));
  return {
    title: `Time of one host while ${SIZES.at(-1)} are asked`,
    header: ["median host", "p99 host", "p99 relative to the median"],
    rows: [[withSpread(p50, "ms"), withSpread(p99, "ms"), times(p99.median, p50.median)]],
  };
}

function aimsOf(measured: Measured, spreads: readonly { p50: number; p99: number }[]): Aim[] {
  const hosts = SIZES.at(-1) ?? 0;
  const ms = (name: string) => measured.get(name)?.get(hosts)?.median ?? Number.NaN;
  const ratio = summarise(spreads.map(({ p50, p99 }) => p99 / p50)).median;
  const at = `at N = ${hosts}`;
  return [
    atLeast(`fan-out of \`run true\` ${at} relative to the bare limit`, ms(BARE) / ms(RUN), 0.7),
    atLeast(
      `fan-out of \`run true\` ${at} relative to the bare limit with \`true\``,
      ms(BARE_TRUE) / ms(RUN),
      0.7,
    ),
    atLeast(`fan-out of \`ping\` ${at} relative to the bare limit`, ms(BARE) / ms(PING), 0.7),
    ...besideClush(measured),
    atMost(`p99 of a host ${at} relative to its median`, ratio, 5),
  ];
}

/** At the largest N that clush finished in time. */
function besideClush(measured: Measured): Aim[] {
  const row = measured.get(CLUSH);
  const hosts = SIZES.findLast((size) => row?.has(size));
  const clush = row?.get(hosts ?? 0)?.median;
  const ours = measured.get(RUN)?.get(hosts ?? 0)?.median;
  if (clush === undefined || ours === undefined) return [];
  return [atLeast(`fan-out of \`run true\` at N = ${hosts} relative to clush`, clush / ours, 8)];
}
