/** The demo's work: real processes of this very executable, on loopback, below one folder. */
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { CtrlExecError } from "../../core/errors.ts";
import type { Io } from "../io.ts";
import { paint } from "../render/colour.ts";

const AGENTS = ["web-01", "db-01"] as const;

const SCRIPTS = {
  greet: '#!/bin/sh\necho "Hello $1, this is a script on an agent."\n',
  fail: "#!/bin/sh\necho 'something is wrong here' >&2\nexit 3\n",
  context: "#!/bin/sh\necho 'The agent tells a script, on its standard input:'\ncat\n",
} as const;

const START_MS = 10_000;

interface Finished {
  readonly status: number;
  readonly out: string;
}

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

export class Demo {
  readonly surprises: string[] = [];
  readonly #io: Io;
  readonly #folder: string;
  readonly #config: string;
  readonly #agents: Bun.Subprocess[] = [];
  readonly #logLines: string[] = [];
  #pairing: Child | undefined;

  constructor(io: Io, folder: string) {
    this.#io = io;
    this.#folder = folder;
    this.#config = join(folder, "control", "ctrl-exec.conf");
  }

  /** Configurations, scripts, the CA and the control host. */
  async setUp(): Promise<void> {
    this.#say("A control host, and a private CA of its own");
    this.#write("control/ctrl-exec.conf", [
      `state_dir = ${join(this.#folder, "control", "state")}`,
      "pairing_bind = 127.0.0.1",
      "pairing_port = 0",
    ]);
    for (const [name, text] of Object.entries(SCRIPTS)) {
      this.#write(`scripts/${name}.sh`, [text.trimEnd()]);
      chmodSync(join(this.#folder, "scripts", `${name}.sh`), 0o755);
    }
    await this.#ctrlExec(0, "setup-ca");
    await this.#ctrlExec(0, "setup-ctrl-exec");
  }

  /** The real exchange: request, code, approval, certificate. */
  async pairAgents(): Promise<void> {
    this.#say("Two hosts ask to be paired; the operator approves each");
    const port = await this.#startPairing();
    for (const name of AGENTS) {
      await this.#writeAgent(name);
      const asked = await this.#agent(name, 0, "request-pairing", [
        `--hostname=${name}`,
        "--dispatcher=127.0.0.1",
        `--port=${port}`,
        "--background",
      ]);
      const requests = await this.#ctrlExec(0, "list-requests");
      this.#expect(requests.out.includes(name), `list-requests shows ${name}`);
      await this.#ctrlExec(0, "approve", [asked.out.trim(), "--lookup-by=ip"]);
      await this.#until(`${name} has its certificate`, async () => {
        const status = await this.#quietly("ctrl-exec-agent", [
          "pairing-status",
          "--config",
          this.#agentConfig(name),
        ]);
        return status.status === 0;
      });
      await this.#agent(name, 0, "pairing-status");
    }
    await this.#stopPairing();
    for (const name of AGENTS) await this.#serve(name);
  }

  /** The main job. */
  async useThem(): Promise<void> {
    this.#say("Are they there?");
    await this.#ctrlExec(0, "list-agents");
    const pinged = await this.#ctrlExec(0, "ping", [...AGENTS]);
    this.#expect(
      AGENTS.every((name) => new RegExp(`^${name} +ok`, "m").test(pinged.out)),
      "ping says ok",
    );
    this.#say(
      "Run a script on both: the name stands for a file that each agent's scripts.conf lists",
    );
    const greeted = await this.#ctrlExec(0, "run", [...AGENTS, "greet"], ["you there"]);
    this.#expect(greeted.out.split("Hello you there").length === 3, "both agents greet");
    this.#say("A script that fails says so, and so does the exit status");
    const failed = await this.#ctrlExec(1, "run", ["db-01", "fail"]);
    this.#expect(failed.out.includes("exit:3"), "fail ends with 3");
    this.#say("A script gets its context as JSON on standard input");
    const context = await this.#ctrlExec(0, "run", ["web-01", "context", "--username=alice"]);
    this.#expect(context.out.includes('"username":"alice"'), "the context names alice");
    this.#say("What no scripts.conf lists does not run, whoever asks");
    const refused = await this.#ctrlExec(1, "run", ["web-01", "rm-rf"]);
    this.#expect(refused.out.includes("script not permitted"), "rm-rf is refused");
  }

  showLog(): void {
    this.#say("What the log has of it (syslog on a real host)");
    this.#io.out(`${this.#logLines.join("\n")}\n`);
    for (const name of AGENTS) this.#io.out(readFileSync(this.#agentLog(name), "utf8"));
  }

  explainKept(): void {
    this.#say("The agents go on. Talk to them");
    const pids = this.#agents.map(({ pid }) => pid).join(" ");
    const program = process.execPath;
    this.#io.out(
      [
        `${program} ping ${AGENTS.join(" ")} --config ${this.#config}`,
        `${program} run ${AGENTS.join(" ")} greet --config ${this.#config} -- you`,
        `Scripts are listed in ${this.#agentConfig("web-01").replace("agent.conf", "scripts.conf")}`,
        `To end it: kill ${pids}; rm -r ${this.#folder}`,
        "",
      ].join("\n"),
    );
  }

  /** Ends what is still running. @param kept leaves the agents */
  async strike(kept: boolean): Promise<void> {
    await this.#stopPairing();
    for (const agent of this.#agents) {
      if (kept) agent.unref();
      else {
        agent.kill("SIGTERM");
        await agent.exited;
      }
    }
  }

  async #startPairing(): Promise<number> {
    const args = ["pairing-mode", "--config", this.#config, "--log", "stderr"];
    this.#show(`ctrl-exec ${args.join(" ")} &`);
    const child = this.#spawn(args);
    this.#pairing = child;
    let text = "";
    const decoder = new TextDecoder();
    const port = Promise.withResolvers<number>();
    const read = async () => {
      for await (const chunk of child.stderr) {
        text += decoder.decode(chunk, { stream: true });
        const found = /Waiting for pairing requests on port (\d+)/.exec(text);
        if (found !== null) port.resolve(Number(found[1]));
      }
      this.#keepLog(text);
      port.reject(new CtrlExecError("internal", `Cannot start pairing-mode: ${text}`));
    };
    void read();
    return await port.promise;
  }

  async #stopPairing(): Promise<void> {
    this.#pairing?.kill("SIGTERM");
    await this.#pairing?.exited;
    this.#pairing = undefined;
  }

  async #writeAgent(name: string): Promise<void> {
    this.#write(`${name}/agent.conf`, [
      `port = ${await freePort()}`,
      "bind = 127.0.0.1",
      `script_dirs = ${join(this.#folder, "scripts")}`,
      "[tags]",
      "env = demo",
    ]);
    const lines = Object.keys(SCRIPTS).map(
      (script) => `${script} = ${join(this.#folder, "scripts", script)}.sh`,
    );
    this.#write(`${name}/scripts.conf`, lines);
  }

  async #serve(name: string): Promise<void> {
    const args = ["agent", "serve", "--config", this.#agentConfig(name), "--log", "stderr"];
    this.#show(`ctrl-exec ${args.join(" ")} &`);
    const log = openSync(this.#agentLog(name), "a", 0o600);
    const child = Bun.spawn([process.execPath, ...args], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: log,
      env: cleanEnvironment(this.#io),
      detached: true,
    });
    closeSync(log);
    this.#agents.push(child);
    await this.#until(`${name} serves`, async () =>
      readFileSync(this.#agentLog(name), "utf8").includes("ACTION=start"),
    );
  }

  /** Runs a mode of ctrl-exec as a person would, and shows it. */
  async #ctrlExec(
    expected: number,
    mode: string,
    args: readonly string[] = [],
    scriptArgs: readonly string[] = [],
  ): Promise<Finished> {
    const behind = scriptArgs.length === 0 ? [] : ["--", ...scriptArgs];
    const all = [mode, ...args, "--config", this.#config, "--log", "stderr", ...behind];
    return await this.#run("ctrl-exec", all, expected);
  }

  async #agent(
    name: string,
    expected: number,
    mode: string,
    args: readonly string[] = [],
  ): Promise<Finished> {
    return await this.#run(
      "ctrl-exec-agent",
      [mode, ...args, "--config", this.#agentConfig(name)],
      expected,
    );
  }

  async #run(program: string, args: readonly string[], expected: number): Promise<Finished> {
    this.#show([program, ...args].map(shellWord).join(" "));
    const finished = await this.#quietly(program, args);
    this.#io.out(finished.out);
    this.#expect(
      finished.status === expected,
      `${args[0]} ends with ${expected}, not ${finished.status}`,
    );
    return finished;
  }

  async #quietly(program: string, args: readonly string[]): Promise<Finished> {
    const child = this.#spawn(program === "ctrl-exec" ? args : ["agent", ...args]);
    const [out, err, status] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    this.#keepLog(err);
    return {
      status,
      out:
        out +
        err
          .split("\n")
          .filter((line) => line !== "" && !isLogLine(line))
          .map((line) => `${line}\n`)
          .join(""),
    };
  }

  #spawn(args: readonly string[]): Child {
    return Bun.spawn([process.execPath, ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: cleanEnvironment(this.#io),
    });
  }

  async #until(what: string, ready: () => Promise<boolean>): Promise<void> {
    for (const end = Date.now() + START_MS; !(await ready()); await Bun.sleep(20)) {
      if (Date.now() > end)
        throw new CtrlExecError("timeout", `Cannot go on: waited in vain until ${what}`);
    }
  }

  #expect(holds: boolean, what: string): void {
    if (!holds) this.surprises.push(what);
  }

  #keepLog(text: string): void {
    this.#logLines.push(...text.split("\n").filter(isLogLine));
  }

  #say(text: string): void {
    this.#io.out(`\n${paint(this.#io, "bold", `# ${text}`)}\n`);
  }

  #show(command: string): void {
    this.#io.out(`\n${paint(this.#io, "dim", `$ ${command}`)}\n`);
  }

  #write(name: string, lines: readonly string[]): void {
    const path = join(this.#folder, name);
    // Closed to others whatever the umask: an agent runs nothing that others could have changed (T13).
    mkdirSync(join(path, ".."), { recursive: true, mode: 0o755 });
    writeFileSync(path, `${lines.join("\n")}\n`);
  }

  #agentConfig(name: string): string {
    return join(this.#folder, name, "agent.conf");
  }

  #agentLog(name: string): string {
    return join(this.#folder, name, "log");
  }
}

function isLogLine(line: string): boolean {
  return /^ctrl-exec(-agent)?\[\d+\]: ACTION=/.test(line);
}

/** The caller's shell must not change what the demo shows. */
function cleanEnvironment(io: Io): Record<string, string> {
  const { PATH, HOME, USER } = io.env;
  return { PATH: PATH ?? "/usr/bin:/bin", HOME: HOME ?? "/", USER: USER ?? "you" };
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  await promise;
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}
