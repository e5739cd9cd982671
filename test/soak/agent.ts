/**
 * Two minutes of everything at once against one compiled agent: good clients, bad handshakes, slow
 * clients, callers that leave, scripts that leave things behind, SIGHUPs, and all the while too few
 * processes, descriptors and readers of its log. At the end it must hold no descriptor, child or memory more
 * than at the start, and every good request must be answered: with what it asked for, or with the words
 * that no process can be started. Beside it a second agent is killed and started again all the time, under runs that
 * are let go and cancelled (restarts.ts): nothing of them may be lost, or left. A third has a reader that stops for a
 * minute (stopped-reader.ts).
 *
 *   make soak            (SOAK_SECONDS=600 for longer)
 */

import { newRequestId } from "../../src/core/request-id.ts";
import { Authority } from "../support/authority.ts";
import { ControlHost, type TestAgent } from "../support/fleet.ts";
import { until } from "../support/folder.ts";
import {
  ask,
  controllerIdentity,
  exchange,
  get,
  type Identity,
  jsonOf,
  openTcp,
  openTls,
  post,
  type RawOutcome,
  statusOf,
} from "../support/raw-agent.ts";
import { Restarts } from "./restarts.ts";
import { atRest, type Sample, sample } from "./sample.ts";
import { Shortages } from "./shortages.ts";
import { StoppedReader } from "./stopped-reader.ts";

const SECONDS = Number(process.env.SOAK_SECONDS ?? 120);
/** Caches fill and code is compiled before the first measurement. */
const WARM_UP_SECONDS = Math.min(20, SECONDS / 4);
const SLOW_CLIENTS = 60;

const SCRIPTS = {
  echo: 'printf %s "$1"',
  context: "cat",
  big: "head -c 1000000 /dev/zero | tr '\\0' x",
  flood: "head -c 5000000 /dev/zero",
  deaf: "exec 0<&-; exit 3",
  leaver: "(sleep 1; echo late) & exit 0",
  killed: "kill -KILL $$",
} as const;

class Soak {
  readonly counts = { good: 0, again: 0, unstarted: 0, refused: 0, slow: 0, left: 0, hangups: 0 };
  readonly failures: string[] = [];
  readonly #agent: TestAgent;
  readonly #shortages: Shortages;
  readonly #restarts: Restarts;
  readonly #good: Identity;
  readonly #bad: readonly Identity[];
  readonly #stranger: Identity;
  #stopped = false;

  constructor(
    agent: TestAgent,
    shortages: Shortages,
    restarts: Restarts,
    good: Identity,
    bad: readonly Identity[],
    stranger: Identity,
  ) {
    this.#agent = agent;
    this.#shortages = shortages;
    this.#restarts = restarts;
    this.#good = good;
    this.#bad = bad;
    this.#stranger = stranger;
  }

  /** Starts everybody; resolves when all have stopped. */
  run(): Promise<unknown> {
    const slow = Array.from({ length: SLOW_CLIENTS }, (_, n) =>
      this.#repeat(() => this.#slowly(n)),
    );
    return Promise.all([
      ...Array.from({ length: 3 }, () => this.#repeat(() => this.#askWell())),
      this.#repeat(() => this.#keepAlive()),
      this.#repeat(() => this.#askBadly()),
      this.#repeat(() => this.#leave()),
      this.#repeat(() => this.#hangUp()),
      this.#repeat(() => this.#shortages.useUpProcesses()),
      this.#repeat(() => this.#shortages.useUpDescriptors()),
      this.#repeat(() => this.#shortages.readLog()),
      ...this.#restarts.tasks.map((task) => this.#repeat(task)),
      ...slow,
    ]);
  }

  stop(): void {
    this.#stopped = true;
  }

  async #repeat(task: () => Promise<void>): Promise<void> {
    while (!this.#stopped) await task();
  }

  #check(what: string, holds: boolean): void {
    this.counts.good += 1;
    if (!holds) this.failures.push(what);
  }

  /** Asks as the control host, and again as often as it is pushed out at the door. */
  async #ask(request: string): Promise<RawOutcome> {
    const wasFull = this.#shortages.full;
    const outcome = await ask(this.#agent.port, this.#good, request);
    if ("status" in outcome || !(wasFull || this.#shortages.full)) return outcome;
    this.counts.again += 1;
    await Bun.sleep(50);
    return await this.#ask(request);
  }

  async #askWell(): Promise<void> {
    const id = Math.random().toString(16).slice(2, 10);
    type Answer = Record<string, unknown>;
    const run = async (
      script: string,
      args: readonly string[],
      right: (answer: Answer, reqid: string) => boolean,
    ) => {
      const reqid = newRequestId();
      const outcome = await this.#ask(post("/run", { script, args, reqid }));
      const answer: Answer = "status" in outcome ? jsonOf(outcome) : { failed: outcome.failed };
      if (answer.exit === 126 && /limit of processes is reached/.test(String(answer.error))) {
        this.counts.unstarted += 1;
        return;
      }
      this.#check(`${script} ${JSON.stringify(answer).slice(0, 200)}`, right(answer, reqid));
    };
    const text = id.repeat(1 + Math.floor(Math.random() * 5000));
    await run("echo", [text], ({ stdout }) => stdout === text);
    await run("context", [id], ({ stdout }, reqid) => {
      return String(stdout).includes(`"reqid":"${reqid}"`);
    });
    await run("big", [], ({ stdout }) => String(stdout).length === 1_000_000);
    await run("flood", [], (answer) => answer.stdout_dropped === 5_000_000 - 2 ** 20);
    await run("deaf", [text], ({ exit }) => exit === 3);
    await run("leaver", [], ({ exit }) => exit === 0);
    await run("killed", [], ({ signal }) => signal === "SIGKILL");
    await run("none", [], ({ error }) => error === "script not permitted");
    const found = await this.#ask(get("/capabilities"));
    this.#check("capabilities", statusOf(found) === 200);
  }

  async #keepAlive(): Promise<void> {
    const wasFull = this.#shortages.full;
    const socket = openTls(this.#agent.port, this.#good);
    const first = await exchange(socket, post("/ping", { reqid: "aa" }));
    if ("failed" in first && (wasFull || this.#shortages.full)) {
      this.counts.again += 1;
      return;
    }
    this.#check("ping", statusOf(first) === 200);
    const second = exchange(socket, "");
    socket.write(post("/ping", { reqid: "bb" }));
    this.#check("second ping", statusOf(await second) === 200);
    socket.destroy();
    await Bun.sleep(20);
  }

  async #askBadly(): Promise<void> {
    const { port } = this.#agent;
    for (const identity of this.#bad) {
      const outcome = await ask(port, identity, post("/ping", {}));
      if ("status" in outcome) this.failures.push("a bad certificate was answered");
      this.counts.refused += 1;
    }
    const status = statusOf(await ask(port, this.#stranger, post("/run", { script: "echo" })));
    if (status !== 403) this.failures.push(`a stranger got ${status}`);
    await exchange(openTcp(port), "GET / HTTP/1.0\r\n\r\n");
    openTcp(port)
      .on("error", () => undefined)
      .resetAndDestroy();
    await ask(port, this.#good, "BREW / HTTP/1.1\r\n\r\n");
    // A line of 4 KiB each in a log that nobody reads.
    for (let count = 0; count < 8; count++) {
      await ask(port, this.#good, post("/run", { script: `none-${"x".repeat(5000)}` }));
    }
    this.counts.refused += 12;
    await Bun.sleep(20);
  }

  /** Until the agent loses patience, or the end. */
  async #slowly(n: number): Promise<void> {
    const { port } = this.#agent;
    const socket = n % 3 === 0 ? openTls(port, this.#stranger) : openTcp(port);
    const closed = Promise.withResolvers<void>();
    socket.on("error", () => undefined);
    socket.on("close", () => closed.resolve());
    socket.write(n % 3 === 0 ? "GET /ping" : Buffer.from("160301", "hex").subarray(0, n % 3));
    const drip = setInterval(() => {
      if (this.#stopped) socket.destroy();
      else if (n % 3 === 0) socket.write("x");
    }, 500);
    await closed.promise;
    clearInterval(drip);
    this.counts.slow += 1;
  }

  /** In the middle of a script. */
  async #leave(): Promise<void> {
    const socket = openTls(this.#agent.port, this.#good);
    socket.on("error", () => undefined);
    const closed = Promise.withResolvers<void>();
    socket.on("close", () => closed.resolve());
    socket.write(post("/run", { script: "big", args: [] }));
    setTimeout(() => socket.destroy(), Math.random() * 40);
    await closed.promise;
    this.counts.left += 1;
  }

  async #hangUp(): Promise<void> {
    this.#shortages.child.kill("SIGHUP");
    this.counts.hangups += 1;
    await Bun.sleep(200);
  }
}

async function main(): Promise<number> {
  await using control = await ControlHost.create();
  const agent = await control.addAgent("web-01", {
    scripts: SCRIPTS,
    config: ["max_output = 1M"],
  });
  await agent.pair();
  await control.stopPairing();
  await using shortages = new Shortages(control, agent);
  const good = controllerIdentity(control);
  await until("the agent answers", async () => {
    return statusOf(await ask(agent.port, good, post("/ping", {}))) === 200;
  });
  const own = Authority.of(control);
  const bad = [
    {},
    await (await Authority.create({ name: "other" })).issue("ctrl-exec"),
    await own.issue("ctrl-exec", { now: new Date(Date.now() - 60 * 86_400_000) }),
  ];
  const { pid } = shortages.child;
  await using restarts = await Restarts.start(control, good);
  await using reader = await StoppedReader.start(control);
  const stranger = await own.issue("web-02");
  const soak = new Soak(agent, shortages, restarts, good, bad, stranger);
  // Its shim is there from now on: a minute after the last run, it is still.
  await ask(agent.port, good, post("/run", { script: "deaf", args: [], reqid: newRequestId() }));
  const start = sample(pid);
  const running = soak.run();
  const read = reader.read();
  await Bun.sleep(WARM_UP_SECONDS * 1000);
  const memory: number[] = [];
  for (let second = WARM_UP_SECONDS + 1; second <= SECONDS; second++) {
    await Bun.sleep(1000);
    const now = sample(pid);
    memory.push(now.memory);
    if (second % 5 >= 1) continue;
    const counts = JSON.stringify({
      ...soak.counts,
      ...shortages.counts,
      ...restarts.counts,
    });
    console.log(`${Math.floor(second)} s: ${JSON.stringify(now)} ${counts}`);
  }
  soak.stop();
  await running;
  const end = await atRest(pid, start);
  // A timer that was left behind would show as work.
  await Bun.sleep(5000);
  const idle = sample(pid).cpu - end.cpu;
  const log = await shortages.end();
  const rest = [...(await leftOf(restarts)), ...(await read)];
  return report(soak, start, end, memory, idle, log, rest);
}

async function leftOf(restarts: Restarts): Promise<readonly (readonly [boolean, string])[]> {
  const { counts, failures } = restarts;
  const { restarts: times, letGo, cancelled } = counts;
  const said = `${times} restarts under ${letGo} runs let go and ${cancelled} cancelled, ${failures.length} wrong`;
  for (const failure of failures.slice(0, 10)) console.log(`     ${failure}`);
  return [[failures.length === 0, said], ...(await restarts.leftovers())];
}

/** What a collection leaves: a leak lifts it, a burst does not. */
const floor = (numbers: readonly number[]) => Math.min(...numbers);

function report(
  { counts, failures }: Soak,
  start: Sample,
  end: Sample,
  memory: readonly number[],
  idle: number,
  log: Awaited<ReturnType<Shortages["end"]>>,
  rest: readonly (readonly [boolean, string])[],
): number {
  const half = Math.ceil(memory.length / 2);
  const [early, late] = [floor(memory.slice(0, half)), floor(memory.slice(half))];
  const lines: readonly (readonly [boolean, string])[] = [
    [failures.length === 0, `${counts.good} good requests, ${failures.length} answered wrongly`],
    [
      end.descriptors <= start.descriptors,
      `descriptors ${start.descriptors} -> ${end.descriptors}`,
    ],
    [end.children <= start.children, `children ${start.children} -> ${end.children}`],
    [
      late <= early * 1.15 + 5,
      `lowest memory in MiB: first half ${early}, second half ${late}, at rest ${end.memory}`,
    ],
    [idle <= 0.1, `CPU in 5 s at rest: ${idle.toFixed(2)} s`],
    [counts.unstarted > 0, `${counts.unstarted} scripts refused in words for want of a process`],
    [log.status === 0, `ended with ${log.status} at SIGTERM, its log unread`],
    [log.lost > 0, `${log.lines} log lines, and ${log.lost} more that it says were lost`],
    ...rest,
  ];
  console.log(
    `\n${counts.refused} bad, ${counts.slow} slow, ${counts.left} left, ${counts.hangups} SIGHUPs`,
  );
  console.log(`threads ${start.threads} -> ${end.threads}, CPU ${end.cpu.toFixed(1)} s`);
  for (const [holds, text] of lines) console.log(`${holds ? "ok  " : "FAIL"} ${text}`);
  for (const failure of failures.slice(0, 10)) console.log(`     ${failure}`);
  return lines.every(([holds]) => holds) ? 0 : 1;
}

process.exit(await main());
