/** Programs that are told to end, end by that signal: whoever waits for them can tell. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { programPath, Running } from "../../support/binary.ts";
import { ControlHost, type TestAgent } from "../../support/fleet.ts";
import { until } from "../../support/folder.ts";
import { ask, controllerIdentity, post } from "../../support/raw-agent.ts";
import { TerminalSession } from "../../support/terminal.ts";

let control: ControlHost;
let agent: TestAgent;

/** Each has a script of its own: one that was let go goes on, and holds its lock. */
const RUNS = ["bash", "sh", "closed", "ignored", "termed", "twice"] as const;

beforeAll(async () => {
  control = await ControlHost.create(["api_port = 0", "api_auth_default = allow"]);
  // Says that it runs, and ends when it is told to.
  const wait = 'touch "$1.here"; until [ -e "$1.go" ]; do sleep 0.05; done; echo done';
  const waiting = Object.fromEntries(RUNS.map((name) => [`wait-${name}`, wait]));
  agent = await control.startAgent("web-01", { scripts: { ...waiting, lines: "seq 1 100000" } });
});

afterAll(async () => {
  for (const name of RUNS) control.folder.write(`web-01/${name}.go`, "");
  await control[Symbol.asyncDispose]();
});

/** The command line of a run that waits, and where it says so. */
function waitingRun(name: (typeof RUNS)[number]): {
  readonly args: string[];
  readonly mark: string;
} {
  const mark = agent.path(name);
  return { args: control.withSetting(["run", "web-01", `wait-${name}`, "--", mark]), mark };
}

async function begun(mark: string): Promise<void> {
  await until(`the script of ${mark} runs`, () => existsSync(`${mark}.here`));
}

describe("Ctrl-C ends a shell's loop, and not one round of it:", () => {
  const LOOP = 'for i in 1 2 3; do echo "round $i"; "$@"; done; echo "after the loop"';

  test.each([
    ["bash", "/bin/bash"],
    ["sh", "/bin/sh"],
  ] as const)("%s", async (name, shell) => {
    const { args, mark } = waitingRun(name);
    const command = ["-c", LOOP, "loop", programPath("ctrl-exec"), ...args];
    const session = new TerminalSession(shell, command);
    await begun(mark);
    session.type("\u0003");
    expect(await session.ended()).toBe(130);
    expect(session.screen).toContain("round 1");
    expect(session.screen).toContain("ctrl-exec was stopped before ");
    expect(session.screen).not.toContain("round 2");
    expect(session.screen).not.toContain("after the loop");
  });
});

test("a terminal that closes ends a run by SIGHUP, and its record says so", async () => {
  const { args, mark } = waitingRun("closed");
  const session = new TerminalSession("ctrl-exec", args);
  await begun(mark);
  const dispatched = control.log.of("dispatch").at(-1)?.fields.REQID ?? "";
  expect(await session.hungUp()).toBe("SIGHUP");
  const record = await control.run("status", [dispatched, "--json"]);
  expect(JSON.parse(record.out)).toMatchObject({ results: [{ host: "web-01", exit: -1 }] });
});

describe("what was ignored from the start stays so, as with nohup and jobs in the background:", () => {
  /** The program with the signals ignored by the shell that becomes it. */
  const ignoring = (signals: string, args: readonly string[]) => {
    const shell = `trap '' ${signals}; exec "$@"`;
    return Bun.spawn(["sh", "-c", shell, "sh", programPath("ctrl-exec"), ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { PATH: "/usr/bin:/bin", HOME: "/" },
    });
  };

  test("run goes on at SIGHUP and SIGINT, and ends at SIGTERM", async () => {
    const { args, mark } = waitingRun("ignored");
    const child = ignoring("HUP INT TERM", args);
    await begun(mark);
    child.kill("SIGHUP");
    child.kill("SIGINT");
    control.folder.write("web-01/ignored.go", "");
    expect(await new Response(child.stdout).text()).toContain("done\n");
    expect(await child.exited).toBe(0);

    const other = waitingRun("termed");
    const stopped = ignoring("HUP INT TERM", other.args);
    await begun(other.mark);
    stopped.kill("SIGTERM");
    await stopped.exited;
    expect(stopped.signalCode).toBe("SIGTERM");
  });

  test("pairing-mode too", async () => {
    await control.stopPairing();
    const child = ignoring("HUP INT", control.withSetting(["pairing-mode"]));
    let told = "";
    for await (const chunk of child.stderr) {
      told += new TextDecoder().decode(chunk);
      // It heeds signals by then.
      if (told.includes("Ctrl-C to stop.")) break;
    }
    child.kill("SIGHUP");
    child.kill("SIGINT");
    // It answers still: only SIGTERM ends it, and in order.
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(child.signalCode).toBe(null);
  });
});

describe("pairing-mode", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("%s is how one ends it: status 0", async (signal) => {
    await control.stopPairing();
    const running = new Running("ctrl-exec", control.withSetting(["pairing-mode"]));
    await running.seen(/Waiting for pairing requests/);
    expect(await running.stop(signal)).toBe(0);
    expect(running.child.signalCode).toBe(null);
  });

  test("a terminal that closes withdraws what waits, and ends it by SIGHUP", async () => {
    await control.stopPairing();
    const { session } = await control.openPairingConsole();
    const stops = control.log.of("pairing-mode-stop").length;
    process.kill(session.pid, "SIGHUP");
    await session.exited();
    expect(session.signal).toBe("SIGHUP");
    expect(session.screen).toContain("Pairing mode has ended.");
    await until("it says so", () => control.log.of("pairing-mode-stop").length > stops);

    const { session: other } = await control.openPairingConsole();
    expect(await other.hungUp()).toBe("SIGHUP");
  });
});

describe("request-pairing", () => {
  const asking = async (name: string) => {
    const asked = await control.addAgent(name);
    const port = await control.pairingPort();
    return asked.withSetting("request-pairing", asked.pairingArgs(port));
  };

  test("Ctrl-C and a terminal that closes end it by their signal", async () => {
    for (const [name, signal] of [
      ["db-01", "SIGINT"],
      ["db-02", "SIGHUP"],
    ] as const) {
      const session = new TerminalSession("ctrl-exec-agent", await asking(name));
      await session.seen(/Request id:/);
      if (signal === "SIGHUP") expect(await session.hungUp()).toBe(signal);
      else {
        session.type("\u0003");
        await session.ended();
        expect(session.signal).toBe(signal);
      }
    }
    await control.stopPairing();
  });

  test("a SIGHUP that is meant for the agent does not, on a terminal that is there", async () => {
    const session = new TerminalSession("ctrl-exec-agent", await asking("db-03"));
    await session.seen(/Request id:/);
    process.kill(session.pid, "SIGHUP");
    const id = await control.requestFor("db-03");
    await control.mustRun("deny", [id]);
    expect(await session.ended()).toBe(3);
    await control.stopPairing();
  });
});

test("a second SIGTERM ends the agent at once, whatever its scripts do", async () => {
  const mark = agent.path("twice");
  const go = `until [ -e ${mark}.go ]; do sleep 0.05; done`;
  const serving = await control.startAgent("web-02", {
    scripts: { twice: `touch ${mark}.here; ${go}` },
  });
  // A control host before 1.1, whose answer comes when the script has ended.
  const body = { script: "twice", args: [], reqid: "0123456789abcdef", username: "", token: "" };
  const asked = ask(serving.port, controllerIdentity(control), post("/run", body));
  await begun(mark);
  const { child } = serving.serving;
  child.kill("SIGTERM");
  await until("it takes nobody new", async () => {
    return await Bun.connect({
      hostname: "127.0.0.1",
      port: serving.port,
      socket: { data() {} },
    }).then(
      (socket) => {
        socket.end();
        return false;
      },
      () => true,
    );
  });
  child.kill("SIGTERM");
  await child.exited;
  expect(child.signalCode).toBe("SIGTERM");
  await asked;
  // The script goes on without its agent.
  writeFileSync(`${mark}.go`, "");
});
