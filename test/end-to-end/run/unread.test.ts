/**
 * T66: programs whose log, pipe or terminal nobody reads. They go on, end when they are told to, and say
 * what was lost.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { freePort } from "../../../src/system/net/free-port.ts";
import { cleanEnvironment, type ProgramName, programPath } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { LogSocket, parseFields } from "../../support/log-socket.ts";
import { ask, controllerIdentity, post, statusOf } from "../../support/raw-agent.ts";
import { TerminalSession } from "../../support/terminal.ts";
import { UnreadPipe } from "../../support/unread.ts";

const API_PORT = freePort();

let control: ControlHost;
let agent: TestAgent;

beforeAll(async () => {
  control = await ControlHost.create([`api_port = ${API_PORT}`]);
  const scripts = {
    big: "head -c 500000 /dev/zero | tr '\\0' x",
    wait: 'touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; echo done',
  };
  agent = await control.addAgent("web-01", { scripts });
  await agent.pair();
});

afterAll(async () => {
  await control[Symbol.asyncDispose]();
});

function start(name: ProgramName, args: readonly string[], streams: { out?: number; err: number }) {
  return Bun.spawn([programPath(name), ...args], {
    stdin: "ignore",
    stdout: streams.out ?? "ignore",
    stderr: streams.err,
    env: cleanEnvironment(),
  });
}

/** A service of the test's, and how to make it log. */
interface Service {
  readonly name: ProgramName;
  /** The line that poke() causes. */
  readonly action: string;
  start(log: string, stderr: number): Bun.Subprocess;
  /** Makes it log at least the line; returns whether it answered as it should. */
  poke(line: string): Promise<boolean>;
}

const SERVICES: readonly Service[] = [
  {
    name: "ctrl-exec-agent",
    action: "deny",
    start: (log, err) => {
      return start("ctrl-exec-agent", ["serve", "--config", agent.config, "--log", log], { err });
    },
    poke: async (script) => {
      const request = post("/run", { script, args: [], reqid: "a1" });
      return statusOf(await ask(agent.port, controllerIdentity(control), request)) === 200;
    },
  },
  {
    name: "ctrl-exec-api",
    action: "api-request",
    start: (log, err) => {
      return start("ctrl-exec-api", ["--config", control.config, "--log", log], { err });
    },
    poke: async (path) => {
      const answer = await fetch(`http://127.0.0.1:${API_PORT}/${path}`).catch(() => undefined);
      return answer?.status === 404;
    },
  },
];

const LONG_LINE = "x".repeat(3000);

/** Starts it, and has it log more than all the pipes and queues on the way take. */
async function flooded(service: Service, log: string, stderr: number) {
  const child = service.start(log, stderr);
  let lines = 0;
  await until(`${service.name} answers`, async () => {
    const answered = await service.poke("first");
    if (answered) lines += 1;
    return answered;
  });
  for (let count = 0; count < 250; count++) {
    expect(await service.poke(LONG_LINE)).toBe(true);
    lines += 1;
  }
  return { child, lines };
}

/** How many lines of the action a log has, and how many it says were lost. */
function countLines(text: string, action: string): { seen: number; lost: number } {
  let [seen, lost] = [0, 0];
  for (const line of text.trimEnd().split("\n")) {
    const fields = parseFields(line.slice(line.indexOf("ACTION=")));
    if (fields.ACTION === "log-lost") lost += Number(fields.COUNT);
    else if (fields.ACTION === action) seen += 1;
  }
  return { seen, lost };
}

describe.each(SERVICES)("$name, whose stderr nobody reads", (service) => {
  test("T66 answers all the same, and says afterwards how many lines were lost", async () => {
    using pipe = new UnreadPipe();
    const { child, lines } = await flooded(service, "stderr", pipe.writeEnd);
    const all = pipe.read();
    await until("it says what was lost", () => /ACTION=log-lost COUNT=\d+\n/.test(pipe.text));
    child.kill();
    expect(await child.exited).toBe(0);
    const { seen, lost } = countLines(await all, service.action);
    expect(lost).toBeGreaterThan(0);
    expect(seen + lost).toBe(lines);
  });

  test("T66 ends at SIGTERM with its log unread", async () => {
    using pipe = new UnreadPipe();
    const { child } = await flooded(service, "stderr", pipe.writeEnd);
    child.kill();
    expect(await child.exited).toBe(0);
  });

  test("T66 goes on beside a syslog that hangs as well, and tells it when it reads again", async () => {
    using pipe = new UnreadPipe();
    const path = control.folder.join(`${service.name}.log`);
    // One that does not read until it is asked for its lines.
    using daemon = new LogSocket(path, { reads: false });
    const { child } = await flooded(service, path, pipe.writeEnd);
    await until("the daemon has read what waits", () => daemon.lines.length > 20);
    expect(await service.poke("last")).toBe(true);
    await daemon.seen("log-lost", ({ COUNT }) => Number(COUNT) > 0);
    child.kill();
    expect(await child.exited).toBe(0);
  });
});

describe("a run whose output nobody reads", () => {
  const finished = async (reqid: string) => {
    const { out } = await control.run("status", [reqid, "--json"]);
    return JSON.parse(out).complete === true;
  };
  const dispatched = async () => {
    const before = control.log.of("dispatch").length;
    return async () => {
      await until("the run has begun", () => control.log.of("dispatch").length > before);
      return control.log.of("dispatch").at(-1)?.fields.REQID ?? "";
    };
  };

  beforeAll(async () => {
    await agent.serve();
  });

  test("T66 a pipe: it is logged and recorded, and nothing of the output is lost", async () => {
    using pipe = new UnreadPipe();
    using errors = new UnreadPipe();
    const begun = await dispatched();
    const args = control.withSetting(["run", "web-01", "big"]);
    const child = start("ctrl-exec", args, { out: pipe.writeEnd, err: errors.writeEnd });
    const reqid = await begun();
    await control.log.seen("run", ({ REQID, TARGET }) => REQID === reqid && TARGET !== undefined);
    await until("the record is complete", () => finished(reqid));
    expect(await pipe.read()).toMatch(/^==> web-01 .*\nx{500000}\n?$/);
    expect(await child.exited).toBe(0);
  });

  test.each(["SIGTERM", "SIGINT"] as const)("T66 a pipe: %s ends it", async (signal) => {
    using pipe = new UnreadPipe();
    using errors = new UnreadPipe();
    const begun = await dispatched();
    const args = control.withSetting(["run", "web-01", "big"]);
    const child = start("ctrl-exec", args, { out: pipe.writeEnd, err: errors.writeEnd });
    const reqid = await begun();
    await until("the record is complete", () => finished(reqid));
    child.kill(signal);
    await child.exited;
    expect(child.signalCode ?? child.exitCode).not.toBe(0);
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "T66 a stopped terminal: %s ends it",
    async (signal) => {
      const mark = agent.path(signal);
      const begun = await dispatched();
      const args = control.withSetting(["run", "web-01", "wait", "--", mark]);
      const session = new TerminalSession("ctrl-exec", args);
      const reqid = await begun();
      // Until the line that says how far it is stands still, the terminal has not been stopped.
      await session.seen(/0 of 1 done, 1 out/);
      session.type("\u0013");
      await session.stoodStill();
      control.folder.write(`web-01/${signal}.go`, "");
      await until("the record is complete", () => finished(reqid));
      process.kill(session.pid, signal);
      session.type("\u0011");
      expect(await session.ended()).not.toBe(0);
    },
  );
});

test("T66 pairing-mode on a stopped terminal takes requests, and ends at SIGTERM", async () => {
  await control.stopPairing();
  const { session, port } = await control.openPairingConsole();
  session.type("\u0013");
  const added = await control.addAgent("db-01");
  const asking = added.run("request-pairing", added.pairingArgs(port));
  const id = await control.requestFor("db-01");
  await control.mustRun("deny", [id]);
  expect((await asking).err).toContain("Denied");
  process.kill(session.pid, "SIGTERM");
  await session.exited();
  session.type("\u0011");
  expect(await session.ended()).toBe(0);
});
