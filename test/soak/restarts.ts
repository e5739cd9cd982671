/**
 * A second agent of the soak: runs on it are let go, asked for and cancelled, and all the while it is killed or stopped
 * and started again. At the end, nothing of all that may be left.
 */
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { newRequestId } from "../../src/core/request-id.ts";
import { BINARY } from "../support/binary.ts";
import { DelegatedCgroup } from "../support/delegated-cgroup.ts";
import type { ControlHost, TestAgent } from "../support/fleet.ts";
import { until } from "../support/folder.ts";
import { handOver, LIMITED_USER } from "../support/process-limit.ts";
import { isAlive, procText } from "../support/processes.ts";
import { ask, get, type Identity, jsonOf, post, type RawOutcome } from "../support/raw-agent.ts";

/**
 * Room for a hundred runs and more, which is what makes room for others here, so that it depends on no clock: how long
 * one asks for a run that has ended is a matter of the machine, and no more than five of them are asked for at once.
 */
const CONFIG = ["run_spool = 2M", "max_output = 1M"];

/** At the end nobody asks for any. */
const AT_LAST = [...CONFIG, "run_retention = 1"];

const SCRIPTS = {
  // Prints for a while, and notes how much.
  prints: `n=0; while [ $n -lt "$2" ]; do n=$((n + 1)); echo "out $n"; echo "err $n" >&2
    [ $((n % 20)) != 0 ] || sleep 0.05; done; exit "$3"`,
  // A child, one in a session of its own, and one that hears no TERM.
  tree: `sleep 300 & echo $! >>$1; setsid sh -c 'echo $$ >>'$1'; exec sleep 300' &
    setsid sh -c 'trap "" TERM; echo $$ >>'$1'; while :; do sleep 0.05; done' & wait`,
} as const;

export class Restarts implements AsyncDisposable {
  readonly counts = { restarts: 0, letGo: 0, cancelled: 0, again: 0, unsure: 0 };
  readonly failures: string[] = [];
  readonly #agent: TestAgent;
  readonly #good: Identity;
  readonly #cgroup: DelegatedCgroup | undefined;
  readonly #shimsBefore = new Set(shims());

  private constructor(agent: TestAgent, good: Identity, cgroup: DelegatedCgroup | undefined) {
    this.#agent = agent;
    this.#good = good;
    this.#cgroup = cgroup;
  }

  static async start(control: ControlHost, good: Identity): Promise<Restarts> {
    const agent = await control.addAgent("web-02", { scripts: SCRIPTS, config: CONFIG });
    await agent.pair();
    handOver(agent.path("."));
    const cgroup = LIMITED_USER === undefined ? undefined : DelegatedCgroup.make(LIMITED_USER);
    if (cgroup === undefined) console.log("no cgroup can be made here: theirs are not looked at");
    const restarts = new Restarts(agent, good, cgroup);
    await restarts.#serve();
    return restarts;
  }

  /** To be repeated, each as often as it can be. */
  get tasks(): readonly (() => Promise<void>)[] {
    const letGo = () => this.#letGo();
    const cancel = () => this.#cancel();
    return [() => this.#restart(), letGo, letGo, letGo, cancel, cancel];
  }

  async #serve(): Promise<void> {
    await this.#agent.serve({ user: LIMITED_USER, startedBy: this.#cgroup?.runner ?? [] });
  }

  async #restart(): Promise<void> {
    await Bun.sleep(200 + Math.random() * 2000);
    await this.#agent.stop(Math.random() < 0.5 ? "SIGKILL" : "SIGTERM");
    await this.#serve();
    this.counts.restarts += 1;
  }

  /** Asks until there is an agent that answers. All that is asked here may be asked twice. */
  async #ask(request: string): Promise<Exclude<RawOutcome, { failed: string }>> {
    for (;;) {
      const outcome = await ask(this.#agent.port, this.#good, request);
      if ("status" in outcome) return outcome;
      this.counts.again += 1;
      await Bun.sleep(50);
    }
  }

  /** A request that was repeated may have been heard the first time: then its reqid is used, and nobody took it. */
  async #start(script: string, args: readonly string[]) {
    const reqid = newRequestId();
    const reply = await this.#ask(post("/run", { script, args, reqid, detach: true }));
    const taken = reply.status === 202;
    const used = jsonOf(reply).error === "reqid already used";
    if (!taken && !used) this.failures.push(`not taken: ${reply.body}`);
    return { reqid, taken };
  }

  /** The agent was killed while it started the script, before it said that it had. */
  #isUnsure(taken: boolean, { state }: Record<string, unknown>): boolean {
    const unsure = !taken && state === "lost";
    if (unsure) this.counts.unsure += 1;
    return unsure;
  }

  async #result(reqid: string): Promise<Record<string, unknown>> {
    for (;;) {
      const told = jsonOf(await this.#ask(get(`/result/${reqid}`)));
      if (told.status !== "running") return told;
      await Bun.sleep(100);
    }
  }

  async #letGo(): Promise<void> {
    const [lines, exit] = [1 + Math.floor(Math.random() * 400), Math.floor(Math.random() * 100)];
    const { reqid, taken } = await this.#start("prints", ["", String(lines), String(exit)]);
    const told = await this.#result(reqid);
    if (this.#isUnsure(taken, told)) return;
    const printed = (word: string) =>
      Array.from({ length: lines }, (_, index) => `${word} ${index + 1}\n`).join("");
    const whole = told.stdout === printed("out") && told.stderr === printed("err");
    if (!whole || told.exit !== exit || told.state !== "ended") {
      this.failures.push(`let go, ${lines} lines: ${JSON.stringify(told).slice(0, 200)}`);
    }
    this.counts.letGo += 1;
  }

  async #cancel(): Promise<void> {
    const file = this.#agent.path(`tree-${newRequestId()}`);
    const { reqid, taken } = await this.#start("tree", [file]);
    const pids = () =>
      existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean).map(Number) : [];
    if (!taken && this.#isUnsure(taken, jsonOf(await this.#ask(get(`/result/${reqid}`))))) return;
    await until("the tree is there", () => pids().length === 3);
    // The agent may be killed while it ends them: then the next one goes on.
    await this.#ask(post("/cancel", { reqid, grace: Math.round(Math.random()), username: "soak" }));
    const told = await this.#result(reqid);
    await until("all have ended", () => !pids().some(isAlive)).catch(() => undefined);
    const left = pids().filter(isAlive);
    if (told.cancelled !== true || left.length > 0) {
      this.failures.push(`cancelled, ${left.length} left: ${JSON.stringify(told).slice(0, 200)}`);
    }
    this.counts.cancelled += 1;
  }

  /** What is left when all has ended and the time to keep it is over; then of the agent's end. */
  async leftovers(): Promise<readonly (readonly [boolean, string])[]> {
    await this.#agent.stop();
    this.#agent.writeConfig(AT_LAST);
    await this.#serve();
    const jobs = this.#agent.path("jobs");
    const folders = () => readdirSync(jobs).filter((name) => /^[0-9a-f]{32}$/.test(name));
    await until("what was kept is gone", () => folders().length === 0).catch(() => undefined);
    const files = readdirSync(this.#agent.path("."), { recursive: true }) as string[];
    const fifos = files.filter((name) => {
      return lstatSync(join(this.#agent.path("."), name), { throwIfNoEntry: false })?.isFIFO();
    });
    const cgroups = this.#cgroup?.below ?? [];
    const kept = folders();
    const ended = await this.#agent.stop();
    const own = () => shims().filter((pid) => !this.#shimsBefore.has(pid));
    await until("its shims have ended", () => own().length === 0).catch(() => undefined);
    return [
      [kept.length === 0, `${kept.length} folders of jobs after run_retention`],
      [fifos.length === 0, `${fifos.length} FIFOs`],
      [cgroups.length === 0, `${cgroups.length} cgroups of jobs`],
      [ended === 0, `the agent that was restarted ended with ${ended} at SIGTERM`],
      [own().length === 0, `${own().length} shims after its end`],
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.stop("SIGKILL");
    this.#cgroup?.[Symbol.dispose]();
  }
}

/** Those of this checkout's binary, also after it was replaced. */
function shims(): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    if (procText(pid, "comm") !== "ctrl-exec-shim\n" || !isAlive(pid)) return false;
    try {
      return readlinkSync(`/proc/${pid}/exe`).startsWith(BINARY);
    } catch {
      return false;
    }
  });
}
