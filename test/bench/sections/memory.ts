/** Memory, as each process's share of what it maps (PSS). */
import { MEBI, mebi, number, times } from "../figures.ts";
import { hostNames } from "../hosts.ts";
import { outputOf, peakOf, procBytes } from "../process.ts";
import { atMost, type SectionResult } from "../result.ts";
import type { Service } from "../service.ts";
import type { Stage } from "../stage.ts";
import { type Summary, summarise } from "../statistics.ts";

const STARTS = 5;
const REQUESTS = 10_000;
const HOSTS = 500;
/** Long enough that all of them are in flight together. */
const WAIT_SECONDS = 4;

export async function memory(stage: Stage): Promise<SectionResult> {
  const agent = await aliveAndUsed(stage, () => stage.agent(0));
  const bare = await aliveAndUsed(stage, async () => {
    const servers = await stage.bareServers(1);
    const [only] = servers.all;
    if (only === undefined) throw new Error("no server");
    return only;
  });
  const controller = await controllerMemory(stage);
  return {
    text:
      `Proportional set size: memory shared with other processes counts proportionally. Idle means one second after the ` +
      `start, over ${STARTS} starts; the requests are pings, one connection each, 20 at once.`,
    tables: [
      {
        title: "Agent",
        header: ["", "agent", "empty Bun TLS server", "agent relative to it"],
        rows: [
          row("idle", agent.idle, bare.idle),
          row(`after ${number(REQUESTS)} requests`, agent.used, bare.used),
        ],
      },
      {
        title: "Controller, at its peak",
        header: ["", "memory"],
        rows: [
          ["one host", spread(controller.one)],
          [`${HOSTS} hosts, 64 at once`, spread(controller.some)],
          [`${HOSTS} hosts, all in flight`, spread(controller.all)],
          [
            "for each host in flight",
            `${number((controller.all.median - controller.one.median) / HOSTS / 1024)} KiB`,
          ],
        ],
      },
    ],
    aims: [
      atMost(
        "agent idle relative to an empty Bun TLS server",
        agent.idle.median / bare.idle.median,
        1.3,
      ),
    ],
    notMeasured: [],
  };
}

async function aliveAndUsed(stage: Stage, start: () => Promise<Service>) {
  const idle: number[] = [];
  const used: number[] = [];
  const load = await stage.bareClient(1, REQUESTS, 20, "/ping");
  for (let round = 0; round < STARTS; round++) {
    await using service = await start();
    await Bun.sleep(1000);
    idle.push(procBytes(service.pid, "smaps_rollup", "Pss") ?? 0);
    // Once is enough for the long part.
    if (round < STARTS - 1) continue;
    await outputOf({ argv: load });
    used.push(procBytes(service.pid, "smaps_rollup", "Pss") ?? 0);
  }
  return { idle: summarise(idle), used: summarise(used) };
}

async function controllerMemory(stage: Stage) {
  const some = stage.fleet.controlHost(HOSTS);
  const all = stage.fleet.controlHost(HOSTS, [`max_parallel = ${HOSTS}`]);
  const waiting = `exec sleep ${WAIT_SECONDS}`;
  stage.fleet.agentConfig(0, { wait: waiting });
  await using servers = await stage.agents(HOSTS);
  void servers;
  const peak = async (config: string, hosts: number, script: string, rounds: number) => {
    const argv = stage.ctrlExec(config, "run", ...hostNames(hosts), script);
    const peaks: number[] = [];
    for (let round = 0; round < rounds; round++) {
      peaks.push(await peakOf({ argv }, "smaps_rollup", "Pss"));
    }
    return summarise(peaks);
  };
  return {
    one: await peak(some, 1, "wait", 3),
    some: await peak(some, HOSTS, "true", 5),
    all: await peak(all, HOSTS, "wait", 3),
  };
}

function row(name: string, ours: Summary, bare: Summary): string[] {
  return [name, spread(ours), spread(bare), times(ours.median, bare.median)];
}

function spread({ median, low, high, runs }: Summary): string {
  if (runs === 1) return `${mebi(median)} (one run)`;
  return `${mebi(median)} (${number(low / MEBI)} to ${number(high / MEBI)})`;
}
