/**
 * `make bench`: measures, prints tables, writes docs/PERFORMANCE.md and docs/performance.svg.
 *
 *   bun test/bench/main.ts [section...]    some sections only: prints, writes nothing
 */
import { readFileSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { growthPlot } from "./plot.ts";
import { findProgram } from "./process.ts";
import { forScreen, type Measured, machineLines, page } from "./report.ts";
import type { SectionResult } from "./result.ts";
import { api } from "./sections/api.ts";
import { earlierRelease } from "./sections/earlier-release.ts";
import { fanOut } from "./sections/fan-out.ts";
import { growth } from "./sections/growth.ts";
import { jobPrice } from "./sections/job-price.ts";
import { keys } from "./sections/keys.ts";
import { live } from "./sections/live.ts";
import { long } from "./sections/long.ts";
import { memory } from "./sections/memory.ts";
import { oneAgent } from "./sections/one-agent.ts";
import { output } from "./sections/output.ts";
import { processes } from "./sections/processes.ts";
import { registry } from "./sections/registry.ts";
import { Stage } from "./stage.ts";

const ROOT = join(import.meta.dir, "..", "..");
const PAGE = join(ROOT, "docs", "PERFORMANCE.md");
const PLOT = join(ROOT, "docs", "performance.svg");

interface Section {
  readonly name: string;
  readonly title: string;
  readonly measure: (stage: Stage) => Promise<SectionResult>;
}

const SECTIONS: readonly Section[] = [
  { name: "processes", title: "Whole processes", measure: processes },
  { name: "registry", title: "A registry of ten thousand", measure: registry },
  { name: "fan-out", title: "Fan-out", measure: fanOut },
  { name: "one-agent", title: "One agent", measure: oneAgent },
  { name: "job-price", title: "The price of a job", measure: jobPrice },
  { name: "earlier-release", title: "Beside 1.0", measure: earlierRelease },
  { name: "output", title: "Output", measure: output },
  { name: "live", title: "Output as it comes", measure: live },
  { name: "long", title: "A gigabyte, and output asked for later", measure: long },
  { name: "api", title: "HTTP API", measure: api },
  { name: "memory", title: "Memory", measure: memory },
  { name: "keys", title: "Keys and signatures", measure: keys },
  { name: "growth", title: "As the fleet grows", measure: growth },
];

process.exit(await main(process.argv.slice(2)));

async function main(wanted: readonly string[]): Promise<number> {
  const unknown = wanted.filter((name) => !SECTIONS.some((section) => section.name === name));
  if (unknown.length > 0) {
    console.error(`Unknown section: ${unknown.join(", ")}`);
    console.error(`Sections: ${SECTIONS.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const [load = 0] = loadavg();
  const sections = SECTIONS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const measured: Measured[] = [];
  await using stage = await Stage.create();
  for (const { title, measure } of sections) {
    const started = performance.now();
    const result = await measure(stage);
    measured.push({ title, result });
    console.log(forScreen({ title, result }));
    console.log(`(${((performance.now() - started) / 1000).toFixed(0)} s)`);
  }
  if (wanted.length > 0) return 0;
  const occasion = {
    date: new Date().toISOString().slice(0, 10),
    commit: await commit(),
    machine: machineLines(await versions(), load),
  };
  writeFileSync(PAGE, page(occasion, measured, textOf(PAGE)));
  const points = measured.flatMap(({ result }) => result.growth ?? []);
  writeFileSync(PLOT, growthPlot(points));
  console.log("\nWritten: docs/PERFORMANCE.md, docs/performance.svg");
  return 0;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function commit(): Promise<string> {
  const describe = ["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude=*"];
  return (await firstLine(describe)) ?? "unknown";
}

/** Of what the figures are compared with. */
async function versions(): Promise<string[]> {
  const commands = [
    ["ssh", "-V"],
    ["clush", "--version"],
    ["ansible", "--version"],
    ["wrk", "-v"],
  ];
  const lines = await Promise.all(
    commands.map(async (command) =>
      findProgram(command[0] ?? "") === undefined
        ? `no ${command[0]}`
        : ((await firstLine(command)) ?? `${command[0]}, unknown version`),
    ),
  );
  return lines.map((line) => line.replace(/,? +Copyright.*| +\[epoll\].*/, ""));
}

async function firstLine(command: readonly string[]): Promise<string | undefined> {
  try {
    const child = Bun.spawn([...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const text = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    await child.exited;
    const [line = ""] = text.join("").trim().split("\n");
    return line === "" ? undefined : line;
  } catch {
    return undefined;
  }
}
