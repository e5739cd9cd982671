/** Output of a gigabyte, of which memory must not know; and output that is asked for later. */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { childrenOf } from "../../support/processes.ts";
import { MEBI, mebi, number, times, withSpread } from "../figures.ts";
import { hostName } from "../hosts.ts";
import { inTurns, outputOf, peakOf, procBytes, timeCommand } from "../process.ts";
import type { Aim, SectionResult } from "../result.ts";
import type { Service } from "../service.ts";
import type { Stage } from "../stage.ts";

const GIGABYTE = 2 ** 30;
const MAX_MORE = 32 * MEBI;
const LOGS = 100 * MEBI;
const PIECE = 16 * MEBI;
const AGENT = ["max_output = 2G", "run_spool = 4G"];

export async function long(stage: Stage): Promise<SectionResult> {
  const config = stage.fleet.controlHost(1);
  const files = pieces(stage);
  const pieces64 = "for _ in $(seq 64); do cat";
  const scripts = {
    text: `${pieces64} ${files.text}; done`,
    bytes: `${pieces64} ${files.bytes}; done`,
    logs: `head -c ${LOGS} ${files.long}`,
  };
  const aims: Aim[] = [];
  const rows: string[][] = [];
  for (const script of ["text", "bytes"] as const) {
    for (const view of ["--live", "--json-stream"]) {
      // Each with an agent of its own: a peak is for the life of a process.
      await using agent = await stage.agent(0, scripts, AGENT);
      const run = (...words: string[]) => stage.ctrlExec(config, "run", hostName(0), ...words);
      const before = await peaks(agent, run("true", view));
      const started = performance.now();
      const after = await peaks(agent, run(script, view));
      const rate = GIGABYTE / MEBI / ((performance.now() - started) / 1000);
      const what = script === "text" ? "1 GiB of text" : "1 GiB of binary data";
      for (const [side, peak] of Object.entries(after)) {
        const idle = before[side as keyof typeof before];
        rows.push([
          `${what}, ${view}`,
          side,
          mebi(idle),
          mebi(peak),
          mebi(peak - idle),
          `${number(rate)} MiB/s`,
        ]);
        aims.push({
          what: `${side}: more memory for ${what}, ${view}`,
          wanted: `at most ${mebi(MAX_MORE)}`,
          got: mebi(peak - idle),
          met: peak - idle <= MAX_MORE,
        });
      }
      forget(stage);
    }
  }
  const later = await measureLogs(stage, config, scripts, files.long);
  forget(stage);
  return {
    text:
      "A script prints a gigabyte in pieces of 16 MiB, and the command's output goes to /dev/null. Memory is the peak " +
      "resident size (VmHWM) of each process, after `run true` and after the gigabyte. `logs` and `cat` write 100 MiB " +
      "into a pipe that `cat` reads.",
    tables: [
      {
        title: "Peak memory for a gigabyte",
        header: ["output", "side", "after `true`", "after it", "more", "rate"],
        rows,
      },
      later,
    ],
    aims,
    notMeasured: [],
  };
}

async function peaks(agent: Service, argv: readonly string[]) {
  const controller = await peakOf({ argv }, "status", "VmHWM");
  // The agent's only child.
  const [shim = 0] = childrenOf(agent.pid);
  const of = (pid: number) => procBytes(pid, "status", "VmHWM") ?? Number.NaN;
  return { controller, agent: of(agent.pid), shim: of(shim) };
}

async function measureLogs(
  stage: Stage,
  config: string,
  scripts: Readonly<Record<string, string>>,
  file: string,
) {
  await using _agent = await stage.agent(0, scripts, AGENT);
  const argv = stage.ctrlExec(config, "run", hostName(0), "logs", "--detach");
  const reqid = (await outputOf({ argv })).trim();
  const intoPipe = (...command: readonly string[]) => {
    return timeCommand({ argv: ["sh", "-c", '"$@" | cat >/dev/null', "sh", ...command] });
  };
  const logs = (name: string) => ({
    name,
    measure: () => intoPipe(...stage.ctrlExec(config, "logs", reqid)),
  });
  const cat = { name: "cat", measure: () => intoPipe("head", "-c", String(LOGS), file) };
  const turns = { rounds: 5, budgetMs: 20_000 };
  // To its end, which `logs` alone does not wait for.
  await outputOf({ argv: stage.ctrlExec(config, "logs", reqid, "--follow") });
  const asked = await inTurns([logs("logs, from the agent"), cat], turns);
  await outputOf({ argv: stage.ctrlExec(config, "wait", reqid, "--json") });
  const recorded = await inTurns([logs("logs, from the record")], turns);
  const found = [...asked, ...recorded];
  const reference = asked.get("cat")?.median ?? Number.NaN;
  const rows = found.map(([name, summary]) => [
    name,
    withSpread(summary, "ms"),
    `${number(LOGS / MEBI / (summary.median / 1000))} MiB/s`,
    times(summary.median, reference),
  ]);
  const table = {
    title: "100 MiB that were printed earlier",
    header: ["command", "time", "rate", "relative to `cat`"],
    rows,
  };
  return table;
}

/** The records and the jobs so far: gigabytes that the next measurement would have to step over. */
function forget(stage: Stage): void {
  for (const folder of ["state-1/runs", "agents/jobs"].map((name) =>
    stage.fleet.folder.join(name),
  )) {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
  }
}

function pieces({ fleet }: Stage) {
  const line = `${"All work and no play makes a fleet a dull fleet. ".repeat(2).slice(0, 63)}\n`;
  const text = line.repeat(PIECE / line.length);
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  return {
    text: fleet.folder.write("output/text-piece", text),
    bytes: fleet.folder.write("output/bytes-piece", Buffer.alloc(PIECE, every)),
    long: fleet.folder.write("output/long", text.repeat(Math.ceil(LOGS / PIECE))),
  };
}
