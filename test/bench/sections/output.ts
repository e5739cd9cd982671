/** Much output, through the agent, the wire and the terminal. */
import { MEBI, mebi, number, times, withSpread } from "../figures.ts";
import { hostAddress, hostName } from "../hosts.ts";
import { benchEnvironment, inTurns, peakOf, procBytes, timeCommand } from "../process.ts";
import { type Aim, atMost, type SectionResult } from "../result.ts";
import type { Stage } from "../stage.ts";

const ROUNDS = { rounds: 5, budgetMs: 20_000 };

interface Output {
  readonly name: string;
  readonly bytes: number;
  readonly file: string;
}

export async function output(stage: Stage): Promise<SectionResult> {
  const config = stage.fleet.controlHost(1);
  const outputs = writeOutputs(stage);
  const scripts = Object.fromEntries(
    outputs.map(({ name, file }) => [scriptOf(name), `exec cat ${file}`]),
  );
  const notMeasured: string[] = [];
  const ssh = await stage.ssh().catch((thrown: unknown) => {
    notMeasured.push(`ssh: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
    return undefined;
  });
  const rows: string[][] = [];
  const memory: string[][] = [];
  const aims: Aim[] = [];
  for (const { name, bytes, file } of outputs) {
    await using agent = await stage.agent(0, scripts);
    const run = (...more: string[]) =>
      stage.ctrlExec(config, "run", hostName(0), scriptOf(name), ...more);
    const controllerIdle = await peakOf(
      { argv: stage.ctrlExec(config, "run", hostName(0), "true") },
      "status",
      "VmHWM",
    );
    const agentIdle = procBytes(agent.pid, "status", "VmHWM") ?? 0;
    const controllerPeak = await peakOf({ argv: run() }, "status", "VmHWM");
    const agentPeak = procBytes(agent.pid, "status", "VmHWM") ?? 0;
    const found = await inTurns(
      [
        { name: "run", measure: () => timeCommand({ argv: run() }) },
        { name: "run --json", measure: () => timeCommand({ argv: run("--json") }) },
        { name: "run, on a terminal", measure: () => timeOnTerminal(run()) },
        ...(ssh === undefined
          ? []
          : [
              {
                name: SSH,
                measure: () =>
                  timeCommand({ argv: ssh.command("curve25519", hostAddress(0), "cat", file) }),
              },
            ]),
      ],
      ROUNDS,
    );
    const reference = found.get(SSH)?.median;
    for (const [what, summary] of found) {
      rows.push([
        name,
        what,
        withSpread(summary, "ms"),
        `${number(bytes / MEBI / (summary.median / 1000))} MiB/s`,
        reference === undefined ? "not measured" : times(summary.median, reference),
      ]);
    }
    const sides = [
      { side: "controller", idle: controllerIdle, peak: controllerPeak },
      { side: "agent", idle: agentIdle, peak: agentPeak },
    ];
    for (const { side, idle, peak } of sides) {
      memory.push([
        name,
        side,
        mebi(idle),
        mebi(peak),
        mebi(peak - idle),
        times(peak - idle, bytes),
      ]);
      if (bytes > 10 * MEBI)
        aims.push(atMost(`${side}: memory for ${name}`, (peak - idle) / bytes, 3));
    }
  }
  return {
    text:
      "A script that prints a file. Memory is the peak resident size of the process (VmHWM): after `run true`, " +
      "and after one run of the script.",
    tables: [
      {
        title: "Time of the whole command",
        header: ["output", "command", "time", "rate", "relative to ssh with curve25519"],
        rows,
      },
      {
        title: "Peak memory",
        header: [
          "output",
          "side",
          "after `true`",
          "after the output",
          "more",
          "relative to the output",
        ],
        rows: memory,
      },
    ],
    aims,
    notMeasured,
  };
}

const SSH = "ssh host cat";

function scriptOf(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9]/g, "-");
}

function writeOutputs(stage: Stage): Output[] {
  const line = `${"All work and no play makes a fleet a dull fleet. ".repeat(2).slice(0, 79)}\n`;
  const text = (bytes: number) => line.repeat(Math.ceil(bytes / line.length)).slice(0, bytes);
  // Every byte value: no text, so it goes as base64 beside its reading as text.
  const binary = Buffer.alloc(
    10 * MEBI,
    Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
  );
  return [
    { name: "1 MiB of text", content: text(MEBI) },
    { name: "50 MiB of text", content: text(50 * MEBI) },
    { name: "10 MiB of binary data", content: binary },
  ].map(({ name, content }) => ({
    name,
    bytes: content.length,
    file: stage.fleet.folder.write(`output/${scriptOf(name)}`, content),
  }));
}

/** Milliseconds until the program has ended with its output on a pseudo-terminal. */
async function timeOnTerminal(argv: readonly string[]): Promise<number> {
  const terminal = new Bun.Terminal({ cols: 120, rows: 40, data: () => undefined });
  const started = performance.now();
  const child = Bun.spawn([...argv], {
    terminal,
    env: benchEnvironment({ TERM: "xterm" }),
  });
  const status = await child.exited;
  const elapsed = performance.now() - started;
  terminal.close();
  if (status !== 0) throw new Error(`run on a terminal ended ${status}`);
  return elapsed;
}
