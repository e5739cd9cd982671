/**
 * `make load`, third part: runs on 500 hosts that print 1 MiB each, folded and compared. All of it is shown, in
 * bounded time, and the command never holds more than a part of it. Prints figures; exit status 1 when anything is
 * wrong.
 */
import { cleanEnvironment, programPath } from "../support/binary.ts";
import { ControlHost } from "../support/fleet.ts";
import { type StreamedRun, StreamingAgents } from "../support/streaming-agents.ts";

const HOSTS = 500;
const LINE = `${"x".repeat(63)}\n`;
const MEBIBYTE = LINE.repeat(16_384);
/** What a command holds at its most, whatever the hosts print: MiB. */
const MOST = 250;

const hosts = Array.from({ length: HOSTS }, (_, at) => {
  return `127.0.${Math.floor(at / 250) + 1}.${(at % 250) + 1}`;
});

interface Part {
  readonly name: string;
  readonly options: readonly string[];
  /** What a host prints. */
  printed(address: string): string;
  /** Blocks, and MiB of all that is shown at the most. */
  readonly blocks: number;
  readonly shown: number;
}

const own = (address: string) => `${MEBIBYTE.slice(LINE.length)}${address.padEnd(63)}\n`;
const parts: readonly Part[] = [
  { name: "all alike", options: ["--fold"], printed: () => MEBIBYTE, blocks: 1, shown: 2 },
  { name: "all different", options: ["--fold"], printed: own, blocks: HOSTS, shown: 501 },
  { name: "as differences", options: ["--diff"], printed: own, blocks: HOSTS, shown: 501 },
];

async function measure(control: ControlHost, port: number, part: Part): Promise<string[]> {
  const { name, options } = part;
  const args = ["run", ...hosts, "deploy", `--port=${port}`, ...options];
  const begin = performance.now();
  const child = Bun.spawn([programPath("ctrl-exec"), ...control.withSetting(args)], {
    stdin: "ignore",
    stderr: "pipe",
    env: cleanEnvironment(),
  });
  let bytes = 0;
  let blocks = 0;
  for await (const chunk of child.stdout) {
    bytes += chunk.length;
    blocks += Buffer.from(chunk).toString("latin1").split("==> ").length - 1;
  }
  const status = await child.exited;
  const err = await new Response(child.stderr).text();
  const most = Math.round((child.resourceUsage()?.maxRSS ?? 0) / 2 ** 20);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const shown = Math.round(bytes / 2 ** 20);
  console.log(
    `${HOSTS} hosts of 1 MiB, ${name}: ${seconds} s, ${most} MiB at the most; ${blocks} blocks, ${shown} MiB shown`,
  );
  const wrong: string[] = [];
  if (status !== 0) wrong.push(`${name} ended ${status}: ${err.slice(0, 400)}`);
  if (blocks !== part.blocks) wrong.push(`${name}: ${blocks} blocks, not ${part.blocks}`);
  if (shown > part.shown) wrong.push(`${name}: ${shown} MiB are shown, not ${part.shown}`);
  if (most > MOST) wrong.push(`${name}: ${most} MiB, more than ${MOST}`);
  return wrong;
}

async function main(): Promise<string[]> {
  await using control = await ControlHost.create([
    "run_records_max = 4G",
    // One process plays all of the hosts.
    "connect_timeout = 120",
  ]);
  const agent = await control.addAgent("web-01");
  await agent.pair();
  const wrong: string[] = [];
  for (const part of parts) {
    const play = (address: string, run: StreamedRun) => {
      run.print(part.printed(address));
      run.end();
    };
    using _ = await StreamingAgents.start(agent, play);
    wrong.push(...(await measure(control, agent.port, part)));
  }
  return wrong;
}

const wrong = await main();
for (const line of wrong) console.error(`wrong: ${line}`);
process.exit(wrong.length === 0 ? 0 : 1);
