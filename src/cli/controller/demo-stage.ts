/** The demo's stage: real processes of this executable, on loopback, in one folder. */
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CtrlExecError } from "../../core/errors.ts";
import { shellWord } from "../../core/shell-word.ts";
import type { Io } from "../command/io.ts";
import { paint } from "../render/colour.ts";

const START_MS = 10_000;

interface Finished {
  readonly status: number;
  readonly out: string;
}

type Child = Bun.Subprocess<"ignore", "pipe", "pipe">;

export class DemoStage {
  /** Results that were not as expected. */
  readonly surprises: string[] = [];
  readonly folder: string;
  /** The control host's configuration file. */
  readonly config: string;
  readonly #io: Io;
  readonly #agents = new Map<string, Bun.Subprocess>();
  readonly #logLines: string[] = [];
  #pairing: Child | undefined;
  #struck = false;

  constructor(io: Io, folder: string) {
    this.#io = io;
    this.folder = folder;
    this.config = join(folder, "control", "ctrl-exec.conf");
  }

  /** Process ids of the agents that are serving. */
  get agentPids(): number[] {
    return [...this.#agents.values()].map(({ pid }) => pid);
  }

  /** Writes a file below the folder. */
  write(name: string, lines: readonly string[], mode = 0o644): void {
    const path = join(this.folder, name);
    // Not writable for others, whatever the umask: an agent runs nothing that others could have changed (T13).
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, `${lines.join("\n")}\n`, { mode });
    chmodSync(path, mode);
  }

  /** A heading of the story. */
  say(text: string): void {
    this.#io.out(`\n${paint(this.#io, "bold", `# ${text}`)}\n`);
  }

  expect(holds: boolean, what: string): void {
    if (!holds) this.surprises.push(what);
  }

  showLog(): void {
    this.say("What the log says (syslog on a real host)");
    this.#io.out(`${this.#logLines.join("\n")}\n`);
    for (const name of this.#agents.keys()) {
      this.#io.out(readFileSync(this.#agentLog(name), "utf8"));
    }
  }

  /** Ends what is still running, and starts nothing more. @param kept leaves the agents running */
  async strike(kept: boolean): Promise<void> {
    this.#struck = true;
    await this.stopPairing();
    for (const agent of this.#agents.values()) {
      if (kept) agent.unref();
      else {
        agent.kill("SIGTERM");
        await agent.exited;
      }
    }
  }

  /** Starts pairing-mode. @returns the port it listens on */
  async startPairing(): Promise<number> {
    const args = ["pairing-mode", "--config", this.config, "--log", "stderr"];
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

  async stopPairing(): Promise<void> {
    this.#pairing?.kill("SIGTERM");
    await this.#pairing?.exited;
    this.#pairing = undefined;
  }

  /** Waits until the background process of request-pairing has stored the certificate. */
  async untilPaired(name: string): Promise<void> {
    const args = ["pairing-status", "--config", this.#agentConfig(name)];
    await this.#until(`${name} has its certificate`, async () => {
      return (await this.#quietly("ctrl-exec-agent", args)).status === 0;
    });
  }

  /** Starts the agent and waits until it listens. */
  async serve(name: string): Promise<void> {
    const args = ["agent", "serve", "--config", this.#agentConfig(name), "--log", "stderr"];
    this.#show(`ctrl-exec ${args.join(" ")} &`);
    this.#mustStand();
    const log = openSync(this.#agentLog(name), "a", 0o600);
    const child = Bun.spawn([process.execPath, ...args], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: log,
      env: cleanEnvironment(this.#io),
      detached: true,
    });
    closeSync(log);
    this.#agents.set(name, child);
    await this.#until(`${name} serves`, async () =>
      readFileSync(this.#agentLog(name), "utf8").includes("ACTION=start"),
    );
  }

  /** Runs a mode of ctrl-exec as a person would, and shows it. */
  async ctrlExec(
    expected: number,
    mode: string,
    args: readonly string[] = [],
    scriptArgs: readonly string[] = [],
  ): Promise<Finished> {
    const behind = scriptArgs.length === 0 ? [] : ["--", ...scriptArgs];
    const all = [mode, ...args, "--config", this.config, "--log", "stderr", ...behind];
    return await this.#run("ctrl-exec", all, expected);
  }

  /** The same for a mode of ctrl-exec-agent. */
  async agent(
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
    this.expect(
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

  #mustStand(): void {
    if (this.#struck) throw new CtrlExecError("internal", "The demo has been stopped");
  }

  #spawn(args: readonly string[]): Child {
    this.#mustStand();
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

  #keepLog(text: string): void {
    this.#logLines.push(...text.split("\n").filter(isLogLine));
  }

  #show(command: string): void {
    this.#io.out(`\n${paint(this.#io, "dim", `$ ${command}`)}\n`);
  }

  #agentConfig(name: string): string {
    return join(this.folder, name, "agent.conf");
  }

  #agentLog(name: string): string {
    return join(this.folder, name, "log");
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
