/**
 * kill -9 at random moments: of the agent, of the command that waits for a run, of the API. What each script has
 * printed and how it ended is asked for afterwards, and held against what the script itself has noted.
 *
 * KILLS_SEED=<seed> brings the moments of a failure back.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, utimesSync } from "node:fs";
import { KnownRuns } from "../../../src/agent/jobs/known-runs.ts";
import { type Random, randomOf } from "../../fuzz/random.ts";
import { TestApi } from "../../support/api.ts";
import { Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { parseFields } from "../../support/log-socket.ts";
import { inParallel } from "../../support/raw-agent.ts";

const KILLS = 20;
const SEED = process.env.KILLS_SEED ?? crypto.randomUUID().slice(0, 8);

/** Prints lines on both streams, at least $2 and until it may end, and notes how many. Its status is $3. */
const PRINTS = `n=0; : >"$1.begun"
  while [ $n -lt "$2" ] || ! [ -e "$1.go" ]; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do n=$((n + 1)); echo "out $n"; echo "err $n" >&2; done
    sleep 0.05
  done
  echo $n >"$1.count"; exit "$3"`;

/** Twenty starts of a program, one after the other, take long on a machine that does much else. */
const TIMEOUT_MS = 180_000;

/** Half a second, if it may end at once. */
const LINES = "100";

/** A run of the script under a name of its own: one name runs once at a time. */
class Printing {
  readonly name: string;
  readonly status: number;
  readonly mark: string;
  reqid: string | undefined;

  constructor(agent: TestAgent, name: string, random: Random) {
    this.name = name;
    this.status = random.below(100);
    this.mark = agent.path(name);
  }

  get args(): string[] {
    return [this.mark, LINES, String(this.status)];
  }

  mayEnd(): void {
    control.folder.write(`${this.mark.slice(control.folder.path.length + 1)}.go`, "");
  }

  get begun(): boolean {
    return existsSync(`${this.mark}.begun`);
  }

  /** How many lines it has printed on each stream; 0 as long as it prints. */
  get lines(): number {
    return existsSync(`${this.mark}.count`) ? Number(readFileSync(`${this.mark}.count`)) : 0;
  }

  /** What must be said of it. */
  get truth(): object {
    const printed = (word: string) =>
      Array.from({ length: this.lines }, (_, index) => `${word} ${index + 1}\n`).join("");
    if (!this.begun) return { exit: -1, state: "never-ran" };
    return {
      exit: this.status,
      state: "ended",
      stdout: printed("out"),
      stderr: printed("err"),
    };
  }
}

let control: ControlHost;
let stages: Record<"agents" | "commands" | "apis", Promise<readonly Printing[]>>;
const commands: { readonly printing: Printing; readonly running: Running }[] = [];
let api: TestApi;

async function agentFor(host: string, kind: string, count: number) {
  const random = randomOf(SEED, kind);
  const names = Array.from({ length: count }, (_, index) => `${kind}-${index}`);
  const scripts = Object.fromEntries(names.map((name) => [name, PRINTS]));
  const agent = await control.addAgent(host, { scripts });
  await agent.pair();
  // It has been here for an hour: what it does not know has not run.
  mkdirSync(agent.path("jobs"), 0o700);
  new KnownRuns(agent.path("jobs"), () => new Date()).note();
  const then = new Date(Date.now() - 3_600_000);
  utimesSync(agent.path("jobs/known-since"), then, then);
  await agent.serve();
  const printings = names.map((name) => new Printing(agent, name, random));
  return { agent, printings, random };
}

/** Five scripts under an agent that is killed again and again. Two are waited for by their commands all the time. */
async function killAgents(): Promise<readonly Printing[]> {
  const { agent, printings, random } = await agentFor("web-01", "agent", 5);
  for (const [index, printing] of printings.entries()) {
    const order = [agent.name, printing.name];
    if (index < 2) {
      const args = control.withSetting(["run", ...order, "--json", "--", ...printing.args]);
      commands.push({ printing, running: new Running("ctrl-exec", args) });
    } else {
      const args = [...order, "--detach", "--", ...printing.args];
      printing.reqid = (await control.mustRun("run", args)).out.trim();
    }
  }
  await until("all print", () => printings.every(({ begun }) => begun));
  for (let kill = 0; kill < KILLS; kill += 1) {
    await Bun.sleep(random.below(100));
    await agent.stop("SIGKILL");
    await agent.serve();
  }
  for (const printing of printings) printing.mayEnd();
  return printings.slice(2);
}

/** Every fourth is killed after its start; the others while their scripts print, or when they have ended. */
async function someTime(printing: Printing, index: number, ms: number): Promise<void> {
  if (index % 4 > 0) await until(`${printing.name} prints`, () => printing.begun);
  await Bun.sleep(ms);
}

/** As many commands. */
async function killCommands(): Promise<readonly Printing[]> {
  const { agent, printings, random } = await agentFor("web-02", "command", KILLS);
  const moments = printings.map(() => random.below(600));
  await inParallel(KILLS, 4, async (index) => {
    const printing = printings[index] as Printing;
    printing.mayEnd();
    const order = ["run", agent.name, printing.name, "--", ...printing.args];
    const command = new Running("ctrl-exec", control.withSetting(order));
    await someTime(printing, index, moments[index] as number);
    await command.stop("SIGKILL");
  });
  const dispatched = control.log.of("dispatch").map(({ fields }) => fields);
  for (const printing of printings) {
    printing.reqid = dispatched.find(({ SCRIPT }) => SCRIPT === printing.name)?.REQID;
  }
  return printings;
}

/** An API that is killed and started again, each time with a request under way. */
async function killApis(): Promise<readonly Printing[]> {
  const { agent, printings, random } = await agentFor("web-03", "api", KILLS);
  for (const [index, printing] of printings.entries()) {
    printing.mayEnd();
    const { running, post } = await startApi();
    const { name: script, args } = printing;
    const answered = post("/run", { hosts: [agent.name], script, args });
    await someTime(printing, index, random.below(200));
    await running.stop("SIGKILL");
    await answered;
    await running.ended();
    const line = /ACTION=dispatch .*/.exec(running.err)?.[0];
    printing.reqid = line === undefined ? undefined : parseFields(line).REQID;
  }
  api = await TestApi.start(control);
  return printings;
}

async function startApi() {
  const started = await TestApi.start(control);
  const post = (path: string, body: object) => started.post(path, body).catch(() => undefined);
  return { running: started.running, post };
}

beforeAll(async () => {
  console.log(`KILLS_SEED=${SEED}`);
  // However long all of it takes, nobody stops waiting.
  control = await ControlHost.create([
    ...["api_port = 0", "api_auth_default = allow", "read_timeout = 600"],
  ]);
  // What is broken in one shall not hide the others.
  const kept = <Value>(stage: Promise<Value>) => {
    stage.catch(() => undefined);
    return stage;
  };
  stages = {
    agents: kept(killAgents()),
    commands: kept(killCommands()),
    apis: kept(killApis()),
  };
});

afterAll(async () => {
  await api?.stop();
  await control[Symbol.asyncDispose]();
});

/** Once the scripts that have begun have ended: nothing of them is left to chance. */
async function allEnded(printings: readonly Printing[]): Promise<void> {
  await until("the scripts have ended", () =>
    printings.every(({ begun, lines }) => !begun || lines > 0),
  );
}

const resultIn = (json: string) => JSON.parse(json).results[0];

/** What the commands that come back say of it. */
async function expectTruth(printing: Printing): Promise<void> {
  const { reqid, name } = printing;
  const about = `KILLS_SEED=${SEED}: ${name}`;
  if (reqid === undefined) {
    expect([about, printing.begun]).toEqual([about, false]);
    return;
  }
  const waited = await control.run("wait", [reqid, "--json"]);
  expect({ about, ...resultIn(waited.out) }).toMatchObject({ about, ...printing.truth });
  expect(waited.status).toBe(printing.begun && printing.status === 0 ? 0 : 1);
}

test(
  "20 kills of an agent under five scripts: every byte, to those who waited and who come back",
  async () => {
    const printings = await stages.agents;
    await allEnded([...printings, ...commands.map(({ printing }) => printing)]);
    for (const { printing, running } of commands) {
      await running.ended();
      expect(resultIn(running.out)).toMatchObject(printing.truth);
    }
    for (const printing of printings) {
      await expectTruth(printing);
      const { reqid = "", truth } = printing;
      const status = await control.run("status", [reqid, "--json"]);
      expect(resultIn(status.out)).toMatchObject(truth);
      const { out: stdout, err: stderr } = await control.run("logs", [reqid]);
      expect(truth).toMatchObject({ stdout, stderr });
    }
  },
  TIMEOUT_MS,
);

test(
  "20 kills of a command: its run is as its script says, or never was",
  async () => {
    const printings = await stages.commands;
    await allEnded(printings);
    await inParallel(KILLS, 4, async (index) => await expectTruth(printings[index] as Printing));
  },
  TIMEOUT_MS,
);

test(
  "20 kills of an API: whoever asks the next one is told the truth",
  async () => {
    const printings = await stages.apis;
    await allEnded(printings);
    for (const printing of printings) {
      const { name, reqid } = printing;
      const about = `KILLS_SEED=${SEED}: ${name}`;
      if (reqid === undefined) {
        expect([about, printing.begun]).toEqual([about, false]);
        continue;
      }
      let told: { readonly complete?: boolean; readonly results?: readonly object[] } = {};
      await until(`${about} is complete`, async () => {
        told = (await api.get(`/status/${reqid}`)).json as typeof told;
        return told.complete === true;
      });
      expect({ about, ...told.results?.[0] }).toMatchObject({ about, ...printing.truth });
    }
  },
  TIMEOUT_MS,
);
