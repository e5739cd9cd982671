/**
 * `make load`, second part: 500 runs that are let go on 50 agents, half of which are killed meanwhile and started
 * again. Every run must be accounted for: its output, its exit status, its place in the list. Prints figures; exit
 * status 1 when anything is wrong.
 */
import { readFileSync } from "node:fs";
import { TestApi } from "../support/api.ts";
import { ControlHost, type TestAgent } from "../support/fleet.ts";
import { until } from "../support/folder.ts";
import { childrenOf } from "../support/processes.ts";
import { inParallel } from "../support/raw-agent.ts";

const AGENTS = 50;
/** Under names of their own: one name runs once at a time on a host. */
const SCRIPTS = 10;
const RUNS = AGENTS * SCRIPTS;
const WIDTH = 16;

interface Started {
  readonly reqid: string;
  readonly host: string;
  readonly exit: number;
  readonly printed: string;
}

const since = (begin: number) => `${((performance.now() - begin) / 1000).toFixed(1)} s`;

function megabytes(pids: readonly number[]): number {
  const kib = pids.map((pid) => {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  });
  return Math.round(kib.reduce((sum, one) => sum + one, 0) / 1024);
}

/** Agents and their shims. */
function processesOf(agents: readonly TestAgent[]): number[] {
  return agents.flatMap(({ serving }) => {
    const { pid } = serving.child;
    return [pid, ...childrenOf(pid)];
  });
}

async function main(): Promise<string[]> {
  const wrong: string[] = [];
  await using control = await ControlHost.create([
    "api_port = 0",
    "api_auth_default = allow",
    "api_max_requests = 64",
  ]);
  const work = 'sleep 3; echo "$1"; echo "err $1" >&2; exit "$2"';
  const names = Array.from({ length: SCRIPTS }, (_, index) => `work-${index}`);
  const scripts = Object.fromEntries(names.map((name) => [name, work]));
  let begin = performance.now();
  const agents = await inParallel(AGENTS, 4, async (index) => {
    return await control.startAgent(`web-${String(index).padStart(2, "0")}`, { scripts });
  });
  console.log(`${AGENTS} agents started in ${since(begin)}: ${megabytes(processesOf(agents))} MiB`);
  await using api = await TestApi.start(control);

  begin = performance.now();
  const started = await inParallel(RUNS, WIDTH, async (index): Promise<Started> => {
    const host = agents[index % AGENTS]?.name ?? "";
    const script = names[Math.floor(index / AGENTS)];
    const exit = index % 100;
    const printed = `run ${index}`;
    const order = { hosts: [host], script, args: [printed, String(exit)], detach: true };
    const { status, json } = await api.post("/run", order);
    const { reqid = "" } = json as { reqid?: string };
    if (status !== 202) wrong.push(`${printed}: answered with ${status}`);
    return { reqid, host, exit, printed };
  });
  console.log(`${RUNS} runs accepted in ${since(begin)}: ${megabytes(processesOf(agents))} MiB`);

  begin = performance.now();
  await inParallel(AGENTS / 2, 2, async (index) => {
    const agent = agents[2 * index];
    await agent?.stop("SIGKILL");
    await agent?.serve();
  });
  console.log(`${AGENTS / 2} agents killed and started again in ${since(begin)}`);

  begin = performance.now();
  const outcomes = await inParallel(RUNS, WIDTH, async (index) => {
    const { reqid, host, exit, printed } = started[index] as Started;
    let told: { complete?: boolean; results?: Record<string, unknown>[] } = {};
    await until(`${printed} on ${host} is complete`, async () => {
      told = (await api.get(`/status/${reqid}`)).json as typeof told;
      return told.complete === true;
    });
    const [result = {}] = told.results ?? [];
    const expected = {
      host,
      exit,
      state: "ended",
      stdout: `${printed}\n`,
      stderr: `err ${printed}\n`,
    };
    for (const [member, value] of Object.entries(expected)) {
      if (result[member] === value) continue;
      wrong.push(`${printed} on ${host}: ${member} is ${JSON.stringify(result[member])}`);
    }
    return String(result.state);
  });
  console.log(`all accounted for in ${since(begin)}: ${countOf(outcomes)}`);

  const { json } = await api.get(`/runs?limit=${RUNS * 2}`);
  const listed = (json as { runs: { reqid: string; completed: string | null }[] }).runs;
  const complete = listed.filter(({ completed }) => completed !== null).length;
  console.log(`listed: ${listed.length}, of which ${complete} are complete`);
  if (complete !== RUNS || listed.length !== RUNS) wrong.push("the list of runs is not whole");
  return wrong;
}

/** `ended: 499, lost: 1`. */
function countOf(words: readonly string[]): string {
  const different = [...new Set(words)];
  return different
    .map((word) => `${word}: ${words.filter((each) => each === word).length}`)
    .join(", ");
}

const wrong = await main();
for (const line of wrong.slice(0, 20)) console.error(`wrong: ${line}`);
console.log(wrong.length === 0 ? "nothing is wrong" : `${wrong.length} wrong`);
process.exit(wrong.length === 0 ? 0 : 1);
