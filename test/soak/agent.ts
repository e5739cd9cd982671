/**
 * Two minutes of everything at once against one compiled agent: good clients, bad handshakes, slow
 * clients, callers that leave, scripts that leave things behind, and SIGHUPs. At the end it must hold
 * no descriptor, child or memory more than at the start, and every good request must be answered.
 *
 *   make soak            (SOAK_SECONDS=600 for longer)
 */

import { readdirSync, readFileSync } from "node:fs";
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
  statusOf,
} from "../support/raw-agent.ts";

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

interface Sample {
  readonly descriptors: number;
  readonly children: number;
  readonly threads: number;
  /** MiB. */
  readonly memory: number;
  /** Seconds of CPU so far. */
  readonly cpu: number;
}

class Soak {
  readonly counts = { good: 0, refused: 0, slow: 0, left: 0, hangups: 0 };
  readonly failures: string[] = [];
  readonly #agent: TestAgent;
  readonly #good: Identity;
  readonly #bad: readonly Identity[];
  readonly #stranger: Identity;
  #stopped = false;

  constructor(agent: TestAgent, good: Identity, bad: readonly Identity[], stranger: Identity) {
    this.#agent = agent;
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

  async #askWell(): Promise<void> {
    const { port } = this.#agent;
    const id = Math.random().toString(16).slice(2, 10);
    const run = async (script: string, args: readonly string[] = []) => {
      const outcome = await ask(port, this.#good, post("/run", { script, args, reqid: id }));
      if (!("status" in outcome)) return { failed: outcome.failed };
      return jsonOf(outcome);
    };
    const text = id.repeat(1 + Math.floor(Math.random() * 5000));
    const echoed = await run("echo", [text]);
    this.#check(`echo ${JSON.stringify(echoed).slice(0, 200)}`, echoed.stdout === text);
    const told = await run("context", [id]);
    this.#check("context", String(told.stdout).includes(`"reqid":"${id}"`));
    const big = await run("big");
    this.#check(`big ${big.failed ?? big.error ?? ""}`, String(big.stdout).length === 1_000_000);
    const flood = await run("flood");
    this.#check("flood", flood.stdout_dropped === 5_000_000 - 2 ** 20);
    this.#check("deaf", (await run("deaf", [text])).exit === 3);
    this.#check("leaver", (await run("leaver")).exit === 0);
    this.#check("killed", (await run("killed")).signal === "SIGKILL");
    this.#check("refused", (await run("none")).error === "script not permitted");
    const found = await ask(port, this.#good, get("/capabilities"));
    this.#check("capabilities", statusOf(found) === 200);
  }

  async #keepAlive(): Promise<void> {
    const socket = openTls(this.#agent.port, this.#good);
    const first = await exchange(socket, post("/ping", { reqid: "aa" }));
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
    this.counts.refused += 4;
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
    this.#agent.serving.child.kill("SIGHUP");
    this.counts.hangups += 1;
    await Bun.sleep(200);
  }
}

function sample(pid: number): Sample {
  const proc = (file: string) => readFileSync(`/proc/${pid}/${file}`, "utf8");
  const status = (key: string) =>
    Number(new RegExp(`^${key}:\\s+(\\d+)`, "m").exec(proc("status"))?.[1]);
  const fields = proc("stat")
    .slice(proc("stat").lastIndexOf(")") + 2)
    .split(" ");
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    children: proc(`task/${pid}/children`)
      .split(" ")
      .filter((child) => child !== "").length,
    threads: status("Threads"),
    memory: Math.round(status("VmRSS") / 1024),
    cpu: (Number(fields[11]) + Number(fields[12])) / 100,
  };
}

/** The agent at rest: what clients left behind is gone. */
async function atRest(pid: number, descriptors: number): Promise<Sample> {
  await until("the agent is at rest", () => {
    const { descriptors: now, children } = sample(pid);
    return now <= descriptors && children === 0;
  }).catch(() => undefined);
  return sample(pid);
}

async function main(): Promise<number> {
  await using control = await ControlHost.create();
  const agent = await control.startAgent("web-01", {
    scripts: SCRIPTS,
    config: ["max_output = 1M"],
  });
  const own = Authority.of(control);
  const bad = [
    {},
    await (await Authority.create({ name: "other" })).issue("ctrl-exec"),
    await own.issue("ctrl-exec", { now: new Date(Date.now() - 60 * 86_400_000) }),
  ];
  const { pid } = agent.serving.child;
  const soak = new Soak(agent, controllerIdentity(control), bad, await own.issue("web-02"));
  const start = sample(pid);
  const running = soak.run();
  await Bun.sleep(WARM_UP_SECONDS * 1000);
  const memory: number[] = [];
  for (let second = WARM_UP_SECONDS; second < SECONDS; second += 5) {
    await Bun.sleep(5000);
    const now = sample(pid);
    memory.push(now.memory);
    console.log(`${second + 5} s: ${JSON.stringify(now)} ${JSON.stringify(soak.counts)}`);
  }
  soak.stop();
  await running;
  const end = await atRest(pid, start.descriptors);
  // A timer that was left behind would show as work.
  await Bun.sleep(5000);
  const idle = sample(pid).cpu - end.cpu;
  await agent.stop();
  return report(soak, start, end, memory, idle);
}

/** What a collection leaves: a leak lifts it, a burst does not. */
const floor = (numbers: readonly number[]) => Math.min(...numbers);

function report(
  { counts, failures }: Soak,
  start: Sample,
  end: Sample,
  memory: readonly number[],
  idle: number,
): number {
  const half = Math.ceil(memory.length / 2);
  const [early, late] = [floor(memory.slice(0, half)), floor(memory.slice(half))];
  const lines: readonly (readonly [boolean, string])[] = [
    [failures.length === 0, `${counts.good} good requests, ${failures.length} answered wrongly`],
    [
      end.descriptors <= start.descriptors,
      `descriptors ${start.descriptors} -> ${end.descriptors}`,
    ],
    [end.children === 0, `children ${start.children} -> ${end.children}`],
    [
      late <= early * 1.15 + 5,
      `lowest memory in MiB: first half ${early}, second half ${late}, at rest ${end.memory}`,
    ],
    [idle <= 0.1, `CPU in 5 s at rest: ${idle.toFixed(2)} s`],
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
