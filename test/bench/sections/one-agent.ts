/** One agent under load. */
import { number, perSecond, times, withSpread } from "../figures.ts";
import { outputOf } from "../process.ts";
import { type Aim, atLeast, type SectionResult } from "../result.ts";
import type { Stage } from "../stage.ts";
import { quantile, type Summary, summarise } from "../statistics.ts";

const ROUNDS = 3;
const REQUESTS = { one: 200, many: 400 };
const TRUE = Bun.which("true") ?? "/bin/true";

interface Load {
  readonly path: "/ping" | "/run";
  readonly parallel: number;
  readonly keep: boolean;
}

interface Found {
  readonly perSecond: Summary;
  readonly p50: number;
  readonly p99: number;
}

const LOADS: readonly Load[] = [1, 20, 100].flatMap((parallel) =>
  (["/ping", "/run"] as const).flatMap((path) =>
    [false, true].map((keep) => ({ path, parallel, keep })),
  ),
);

export async function oneAgent(stage: Stage): Promise<SectionResult> {
  await using agent = await stage.agent(0);
  const real = await underLoads(stage, LOADS);
  await agent[Symbol.asyncDispose]();
  const pings = LOADS.filter(({ path }) => path === "/ping");
  const runs = LOADS.filter(({ path }) => path === "/run");
  const bare = new Map([
    ...(await beside(stage, pings, undefined)),
    ...(await beside(stage, runs, TRUE)),
  ]);
  const aims: Aim[] = [];
  const rows = LOADS.map((load) => {
    const ours = real.get(load);
    const limit = bare.get(load);
    const share = (ours?.perSecond.median ?? 0) / (limit?.perSecond.median ?? Number.NaN);
    if (!load.keep) {
      const what = `agent, ${load.path}, ${load.parallel} at once, relative to the bare limit`;
      aims.push(atLeast(what, share, 0.6));
    }
    return [
      `POST ${load.path}, ${load.keep ? "connections kept" : "a connection each"}`,
      `${load.parallel}`,
      ...cells(ours),
      ...cells(limit),
      times(ours?.perSecond.median ?? 0, limit?.perSecond.median ?? 0),
    ];
  });
  return {
    text:
      "The smallest possible client asks one compiled agent, and then the smallest possible server. " +
      "A run starts `true`; the server it is compared with starts it too. A controller opens a connection " +
      "for each request.",
    tables: [
      {
        title: "Requests per second of one agent",
        header: [
          "request",
          "at once",
          "agent",
          "p50, p99",
          "bare server",
          "p50, p99",
          "agent relative to bare",
        ],
        rows,
      },
    ],
    aims,
    notMeasured: LOADS.filter((load) => !real.has(load)).map(
      ({ path, parallel }) =>
        `${path}, ${parallel} at once, connections kept: the agent closes after each answer`,
    ),
  };
}

async function beside(stage: Stage, loads: readonly Load[], file: string | undefined) {
  await using servers = await stage.bareServers(1, file);
  void servers;
  return await underLoads(stage, loads);
}

async function underLoads(stage: Stage, loads: readonly Load[]): Promise<Map<Load, Found>> {
  const found = new Map<Load, Found>();
  for (const load of loads) {
    const { path, parallel, keep } = load;
    const requests = parallel === 1 ? REQUESTS.one : REQUESTS.many;
    const argv = await stage.bareClient(
      1,
      requests,
      parallel,
      path,
      ...(keep ? ["keep" as const] : []),
    );
    const ms: number[] = [];
    const latencies: number[] = [];
    try {
      for (let round = 0; round <= ROUNDS; round++) {
        const run = JSON.parse(await outputOf({ argv })) as { ms: number; latencies: number[] };
        // The first round warms the server up.
        if (round === 0) continue;
        ms.push(run.ms);
        latencies.push(...run.latencies);
      }
    } catch (thrown) {
      // An agent that closes after each answer, as 0.8 does, has no connection to keep.
      if (keep) continue;
      throw thrown;
    }
    const sorted = latencies.toSorted((a, b) => a - b);
    found.set(load, {
      perSecond: perSecond(summarise(ms), requests),
      p50: quantile(sorted, 0.5),
      p99: quantile(sorted, 0.99),
    });
  }
  return found;
}

function cells(found: Found | undefined): string[] {
  if (found === undefined) return ["not measured", ""];
  return [withSpread(found.perSecond, "/s"), `${number(found.p50)} ms, ${number(found.p99)} ms`];
}
