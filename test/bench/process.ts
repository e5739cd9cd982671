/** Programs, started and timed. */
import { readFileSync } from "node:fs";
import { currentUser } from "../../src/system/process/user.ts";
import { type Summary, summarise } from "./statistics.ts";

export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

export function benchEnvironment(extra: Readonly<Record<string, string>> = {}) {
  return { PATH, HOME: "/", USER: currentUser().name, LC_ALL: "C.UTF-8", ...extra };
}

export function findProgram(name: string): string | undefined {
  return Bun.which(name, { PATH }) ?? undefined;
}

/** Milliseconds from start to end; undefined when it takes longer than the limit. @throws when it fails */
export async function timeCommand(command: Command, limitMs = 60_000): Promise<number | undefined> {
  const started = performance.now();
  const child = Bun.spawn([...command.argv], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    env: benchEnvironment(command.env),
    detached: true,
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    // With what it has started: its ssh would go on and disturb the next measurement.
    process.kill(-child.pid, "SIGKILL");
  }, limitMs);
  const status = await child.exited;
  clearTimeout(timer);
  if (late) return undefined;
  if (status !== 0) throw new Error(`${command.argv.slice(0, 3).join(" ")} ended ${status}`);
  return performance.now() - started;
}

/** Runs a command and returns its stdout. @throws when it fails */
export async function outputOf(command: Command): Promise<string> {
  const child = Bun.spawn([...command.argv], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: benchEnvironment(command.env),
  });
  const [out, err, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0)
    throw new Error(`${command.argv.slice(0, 3).join(" ")} ended ${status}: ${err}`);
  return out;
}

export interface Subject {
  readonly name: string;
  /** Milliseconds; undefined when it did not finish in time. */
  measure(): Promise<number | undefined>;
}

export interface Turns {
  readonly rounds: number;
  /**
   * A subject that has taken this long in all is measured no more once it has MIN_RUNS runs; one that
   * has taken twice as long is not measured again in any case.
   */
  readonly budgetMs: number;
}

const MIN_RUNS = 3;

/** Measures the subjects in turns, so that what else the machine does meets all of them alike. */
export async function inTurns(
  subjects: readonly Subject[],
  turns: Turns,
): Promise<Map<string, Summary>> {
  const values = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  const tooSlow = new Set<string>();
  for (let round = 0; round < turns.rounds; round++) {
    for (const { name, measure } of subjects) {
      const mine = values.get(name) ?? [];
      const spent = mine.reduce((sum, ms) => sum + ms, 0);
      const enough = spent > (mine.length < MIN_RUNS ? 2 : 1) * turns.budgetMs;
      if (enough || tooSlow.has(name)) continue;
      const value = await measure();
      if (value === undefined) tooSlow.add(name);
      else mine.push(value);
    }
  }
  const finished = [...values].filter(([name, list]) => list.length > 0 && !tooSlow.has(name));
  return new Map(finished.map(([name, list]) => [name, summarise(list)]));
}

/** A field of /proc/<pid>/<file> in bytes; undefined when the process has gone. */
export function procBytes(
  pid: number,
  file: "status" | "smaps_rollup",
  field: "VmHWM" | "Pss",
): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/${file}`, "utf8");
    const kibi = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1];
    return kibi === undefined ? undefined : Number(kibi) * 1024;
  } catch {
    return undefined;
  }
}

/** The highest value seen while the command ran. */
export async function peakOf(
  command: Command,
  file: "status" | "smaps_rollup",
  field: "VmHWM" | "Pss",
): Promise<number> {
  const child = Bun.spawn([...command.argv], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    env: benchEnvironment(command.env),
  });
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    peak = Math.max(peak, procBytes(child.pid, file, field) ?? 0);
    await Bun.sleep(file === "status" ? 1 : 25);
  }
  if ((await child.exited) !== 0) throw new Error(`${command.argv[0]} ended ${child.exitCode}`);
  return peak;
}
