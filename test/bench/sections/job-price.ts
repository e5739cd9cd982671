/** What it costs that a run is a job, which outlives its agent: beside a run that is none, on the same agent. */
import { readdirSync, readFileSync } from "node:fs";
import { times, withSpread } from "../figures.ts";
import { outputOf } from "../process.ts";
import { type Aim, atMost, type SectionResult } from "../result.ts";
import type { Stage } from "../stage.ts";
import { summarise } from "../statistics.ts";

const ROUNDS = 9;
/** Requests at once, and in all. */
const LOADS = [
  { parallel: 1, requests: 300 },
  { parallel: 64, requests: 500 },
] as const;
const KINDS = ["a job", "kept in memory", "the bare limit with `true`"] as const;
const TRUE = Bun.which("true") ?? "/bin/true";
const LIMIT = 1.15;

type Kind = (typeof KINDS)[number];

interface Cost {
  /** Of one request. */
  readonly wallMs: number;
  readonly processorMs: number;
}

export async function jobPrice(stage: Stage): Promise<SectionResult> {
  const rows: string[][] = [];
  const aims: Aim[] = [];
  for (const { parallel, requests } of LOADS) {
    const measured = await measure(stage, parallel, requests);
    const [job, memory] = [measured.get("a job"), measured.get("kept in memory")];
    const at = `${parallel} at once`;
    for (const [kind, { wall, processor }] of measured) {
      rows.push([
        kind,
        at,
        withSpread(wall, "ms"),
        withSpread(processor, "ms"),
        times(wall.median, memory?.wall.median ?? Number.NaN),
        times(processor.median, memory?.processor.median ?? Number.NaN),
      ]);
    }
    if (job === undefined || memory === undefined) continue;
    const ratio = (what: "wall" | "processor") => job[what].median / memory[what].median;
    aims.push(
      atMost(`time of a job relative to a run kept in memory, ${at}`, ratio("wall"), LIMIT),
    );
    const what = `processor time of a job relative to a run kept in memory, ${at}`;
    aims.push(atMost(what, ratio("processor"), LIMIT));
  }
  return {
    text:
      "The smallest possible client asks one compiled agent to run `true`, over kept connections. A run whose request id " +
      "is not 16 hexadecimal digits cannot be kept: the agent starts it itself and holds its output in memory, as 1.0 " +
      "did with every run. Both were measured alternately, on the same agent; the bare server also starts `true`. Processor time is that " +
      "of the agent, its shim and the scripts.",
    tables: [
      {
        title: "One run",
        header: [
          "",
          "requests",
          "time",
          "processor time",
          "time relative to kept in memory",
          "processor time relative to kept in memory",
        ],
        rows,
      },
    ],
    aims,
    notMeasured: [],
  };
}

async function measure(stage: Stage, parallel: number, requests: number) {
  const costs = new Map<Kind, Cost[]>(KINDS.map((kind) => [kind, []]));
  {
    await using agent = await stage.agent(0);
    const client = async (...words: "unkept"[]) =>
      await stage.bareClient(1, requests, parallel, "/run", "keep", ...words);
    const kept = await client();
    const unkept = await client("unkept");
    for (let round = 0; round <= ROUNDS; round++) {
      const job = await costOf(agent.pid, kept, requests);
      const memory = await costOf(agent.pid, unkept, requests);
      // The first round warms both up.
      if (round === 0) continue;
      costs.get("a job")?.push(job);
      costs.get("kept in memory")?.push(memory);
    }
  }
  await using servers = await stage.bareServers(1, TRUE);
  const argv = await stage.bareClient(1, requests, parallel, "/run", "keep");
  const [server] = servers.all;
  for (let round = 0; round <= ROUNDS; round++) {
    const bare = await costOf(server?.pid ?? 0, argv, requests);
    if (round > 0) costs.get("the bare limit with `true`")?.push(bare);
  }
  return new Map(
    [...costs].map(([kind, all]) => [
      kind,
      {
        wall: summarise(all.map(({ wallMs }) => wallMs)),
        processor: summarise(all.map(({ processorMs }) => processorMs)),
      },
    ]),
  );
}

/** @param pid of the server */
async function costOf(pid: number, argv: readonly string[], requests: number): Promise<Cost> {
  const before = processorMs(pid);
  const { ms } = JSON.parse(await outputOf({ argv })) as { ms: number };
  return { wallMs: ms / requests, processorMs: (processorMs(pid) - before) / requests };
}

/** Clock ticks of /proc/PID/stat are hundredths of a second on every Linux. */
const TICK_MS = 10;

/** Of a process with its children, those that run and those that have ended. */
function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // utime, stime, cutime and cstime are the fields 14 to 17.
  const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
  return childrenOf(pid).reduce((sum, child) => sum + processorMs(child), own);
}

function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const lists = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "latin1"));
  return lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
}
