/** How soon what a script prints is on the operator's screen. */
import { withSpread } from "../figures.ts";
import { hostAddress, hostName } from "../hosts.ts";
import { benchEnvironment } from "../process.ts";
import type { SectionResult } from "../result.ts";
import type { Stage } from "../stage.ts";
import { quantile, summarise } from "../statistics.ts";

const ROUNDS = 5;
const LINES = 50;
const MAX_DELAY_MS = 20;

/** bash has the time without starting a program for it: seconds, and six digits. */
const SCRIPTS = {
  first: "echo first",
  lines: `#!/bin/bash\nfor ((n = 0; n < ${LINES}; n++)); do echo "$EPOCHREALTIME"; sleep 0.02; done`,
} as const;

interface Way {
  readonly name: string;
  readonly command: (script: keyof typeof SCRIPTS) => readonly string[];
}

export async function live(stage: Stage): Promise<SectionResult> {
  const config = stage.fleet.controlHost(1);
  await using _agent = await stage.agent(0, SCRIPTS);
  const notMeasured: string[] = [];
  const ways: Way[] = [
    {
      name: "ctrl-exec run",
      command: (script) => stage.ctrlExec(config, "run", hostName(0), script),
    },
  ];
  try {
    const ssh = await stage.ssh();
    const files = stage.fleet.folder;
    ways.push({
      name: "ssh with curve25519",
      command: (script) =>
        ssh.command("curve25519", hostAddress(0), files.join("agents/scripts", script)),
    });
  } catch (thrown) {
    notMeasured.push(`ssh: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
  const first = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  const delays = new Map<string, number[]>(ways.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, command } of ways) {
      const begin = now();
      const [shown] = await shownAt(command("first"), /^first$/);
      first.get(name)?.push((shown?.at ?? Number.NaN) - begin);
      for (const { at, line } of await shownAt(command("lines"), /^\d{10}\.\d{6}$/)) {
        delays.get(name)?.push(at - Number(line) * 1000);
      }
    }
  }
  const delay = summarise(delays.get("ctrl-exec run") ?? []);
  const rows = ways.map(({ name }) => {
    const sorted = (delays.get(name) ?? []).toSorted((one, other) => one - other);
    return [
      name,
      withSpread(summarise(first.get(name) ?? []), "ms"),
      withSpread(summarise(sorted), "ms"),
      `${quantile(sorted, 0.99).toFixed(1)} ms`,
    ];
  });
  return {
    text:
      `A script prints the time ${LINES} times, every 20 ms, and the command is on a terminal: the time from when ` +
      "a line was printed until it is on the screen. The first byte counts from the start of the command.",
    tables: [
      { title: "Until it is on the screen", header: ["", "first byte", "a line", "p99"], rows },
    ],
    aims: [
      {
        what: "median time until a line is on the screen",
        wanted: `at most ${MAX_DELAY_MS} ms`,
        got: `${delay.median.toFixed(2)} ms`,
        met: delay.median <= MAX_DELAY_MS,
      },
    ],
    notMeasured,
  };
}

/** Milliseconds since 1970, with the digits that Date.now() lacks. */
const now = () => performance.timeOrigin + performance.now();

/** When each line of the kind came to a terminal. @throws if the command fails */
async function shownAt(argv: readonly string[], kind: RegExp) {
  const shown: { readonly at: number; readonly line: string }[] = [];
  let rest = "";
  const terminal = new Bun.Terminal({
    cols: 120,
    rows: 40,
    data: (_, chunk) => {
      const at = now();
      const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\r\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (kind.test(line)) shown.push({ at, line });
    },
  });
  const child = Bun.spawn([...argv], { terminal, env: benchEnvironment({ NO_COLOR: "1" }) });
  const status = await child.exited;
  terminal.close();
  if (status !== 0) throw new Error(`${argv.slice(0, 3).join(" ")} ended ${status}`);
  return shown;
}
