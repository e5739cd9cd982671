/**
 * A control host and agents in a temporary folder, all of them the compiled binary: CA, pairing and
 * certificates are the real ones. Log lines go to a real datagram socket.
 */

import { readFileSync } from "node:fs";
import type { Controller } from "../../src/controller/control-host.ts";
import type { ApprovalOptions } from "../../src/controller/pairing/desk.ts";
import { listRequests } from "../../src/controller/pairing/queue.ts";
import type { PendingRequest } from "../../src/controller/store/ports/pairing.ts";
import { type AgentConfig, parseAgentConfig } from "../../src/core/config/agent-config.ts";
import { freePort } from "../../src/system/net/free-port.ts";
import { type Finished, type ProgramName, Running, type RunOptions, runProgram } from "./binary.ts";
import { TestFolder, until } from "./folder.ts";
import { localController, pairLocally, setupLocally } from "./local-pairing.ts";
import { LogSocket } from "./log-socket.ts";
import { PreparedHost } from "./prepared-host.ts";
import { endAllOf } from "./processes.ts";
import { TerminalSession } from "./terminal.ts";

export interface AgentOptions {
  /** Lines for agent.conf besides port and bind. */
  readonly config?: readonly string[];
  /** Allowlist: name to shell script body, written executable. */
  readonly scripts?: Readonly<Record<string, string>>;
  /** Further lines for scripts.conf, unchanged. */
  readonly allowlist?: readonly string[];
  /** Options for `approve`; by default, the agent is dialled by its address. */
  readonly approve?: ApprovalOptions;
  readonly env?: Readonly<Record<string, string>>;
  /** Sends its log lines to the control host's log socket instead of its stderr. */
  readonly logsToSocket?: boolean;
}

export class ControlHost implements AsyncDisposable {
  readonly folder = new TestFolder();
  readonly log: LogSocket;
  readonly config: string;
  readonly agents: TestAgent[] = [];
  #pairing: Running | undefined;
  #prepared: PreparedHost | undefined;
  caFingerprint = "";

  private constructor(lines: readonly string[]) {
    this.log = new LogSocket(this.folder.join("log"));
    this.config = this.folder.write(
      "control/ctrl-exec.conf",
      [
        `state_dir = ${this.folder.join("control", "state")}`,
        "pairing_bind = 127.0.0.1",
        "pairing_port = 0",
        ...lines,
        "",
      ].join("\n"),
    );
  }

  /** @param lines more lines for ctrl-exec.conf */
  static async create(lines: readonly string[] = []): Promise<ControlHost> {
    const host = new ControlHost(lines);
    host.#prepared = await PreparedHost.take(lines);
    host.#prepared?.placeIn(host.folder.join("control"));
    host.caFingerprint =
      host.#prepared?.fingerprint ?? (await setupLocally(await host.controller()));
    return host;
  }

  /** What a command of this host uses, for set-up inside the test's process. */
  async controller(): Promise<Controller> {
    return await localController(this.config, readFileSync(this.config, "utf8"));
  }

  /** Adds lines to ctrl-exec.conf. */
  addLines(lines: readonly string[]): void {
    const text = readFileSync(this.config, "utf8");
    this.folder.write("control/ctrl-exec.conf", `${text}${lines.join("\n")}\n`);
  }

  /** Runs `ctrl-exec <mode> ...` of this control host; put script arguments after "--" yourself. */
  async run(
    mode: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<Finished> {
    return await this.program("ctrl-exec", [mode, ...args], options);
  }

  /** Any program with this host's configuration and log. */
  async program(
    name: ProgramName,
    args: readonly string[],
    options: RunOptions = {},
  ): Promise<Finished> {
    return await runProgram(name, this.withSetting(args), options);
  }

  /** `--config` and `--log`, placed before a "--". */
  withSetting(args: readonly string[]): string[] {
    const end = args.indexOf("--");
    const own = end < 0 ? args : args.slice(0, end);
    const behind = end < 0 ? [] : args.slice(end);
    return [...own, "--config", this.config, "--log", this.log.path, ...behind];
  }

  async mustRun(
    mode: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<Finished> {
    const finished = await this.run(mode, args, options);
    if (finished.status !== 0) throw new Error(`${mode} ended ${finished.status}: ${finished.err}`);
    return finished;
  }

  /** Starts pairing-mode (without a terminal) if it is not running; returns its port. */
  async pairingPort(): Promise<number> {
    this.#pairing ??= Running.service("ctrl-exec", this.withSetting(["pairing-mode"]));
    const match = await this.#pairing.seen(/Waiting for pairing requests on port (\d+)/);
    return Number(match[1]);
  }

  /** Starts pairing-mode on a terminal, as an operator does; `stopPairing` does not end it. */
  async openPairingConsole(): Promise<{ session: TerminalSession; port: number }> {
    const session = new TerminalSession("ctrl-exec", this.withSetting(["pairing-mode"]));
    const match = await session.seen(/Waiting for pairing requests on port (\d+)/);
    return { session, port: Number(match[1]) };
  }

  async stopPairing(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    const status = await this.#pairing?.stop(signal);
    this.#pairing = undefined;
    return status ?? 0;
  }

  /** What list-requests shows. */
  async requests(): Promise<PendingRequest[]> {
    return await listRequests(await this.controller());
  }

  /** The id of the one request that waits for the host name. */
  async requestFor(hostname: string): Promise<string> {
    let id = "";
    await until(`${hostname} asks to be paired`, async () => {
      id = (await this.requests()).find((request) => request.hostname === hostname)?.id ?? "";
      return id !== "";
    });
    return id;
  }

  /** Makes an agent's folder without pairing it. */
  async addAgent(name: string, options: AgentOptions = {}): Promise<TestAgent> {
    const agent = new TestAgent(this, name, freePort(), options);
    this.agents.push(agent);
    return agent;
  }

  /** Makes, pairs and starts an agent. */
  async startAgent(name: string, options: AgentOptions = {}): Promise<TestAgent> {
    const agent = await this.addAgent(name, options);
    await agent.pair();
    await agent.serve();
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.agents) await agent.stop();
    await this.stopPairing();
    endAllOf(`${this.folder.path}/`);
    this.log[Symbol.dispose]();
    this.folder[Symbol.dispose]();
    this.#prepared?.giveBack();
    this.#prepared = undefined;
  }

  /** Paired inside the test's process: for what comes after a pairing. */
  async pair(name: string, config: AgentConfig, options: ApprovalOptions): Promise<void> {
    const controller = await this.controller();
    if (this.#prepared === undefined) await pairLocally(controller, name, config, options);
    else await this.#prepared.pair(controller, name, config, options);
  }
}

export class TestAgent {
  readonly name: string;
  readonly port: number;
  readonly config: string;
  readonly #host: ControlHost;
  readonly #options: AgentOptions;
  #serving: Running | undefined;

  constructor(host: ControlHost, name: string, port: number, options: AgentOptions) {
    this.#host = host;
    this.name = name;
    this.port = port;
    this.#options = options;
    this.config = host.folder.join(name, "agent.conf");
    this.writeConfig(options.config ?? []);
    const listed = Object.entries(options.scripts ?? {}).map(
      ([script, body]) => `${script} = ${host.folder.script(`${name}/scripts/${script}.sh`, body)}`,
    );
    this.writeAllowlist([...listed, ...(options.allowlist ?? [])]);
  }

  /** On 127.0.0.1 unless the lines say otherwise. Rate limits stay off unless a test writes its own: tests open many connections from one address. */
  writeConfig(lines: readonly string[]): void {
    const has = (start: string) => lines.some((line) => line.startsWith(start));
    const limits = has("rate_limit_") ? [] : ["rate_limit_disable = 1"];
    const bind = has("bind") ? [] : ["bind = 127.0.0.1"];
    const text = [`port = ${this.port}`, ...bind, ...limits, ...lines, ""].join("\n");
    this.#host.folder.write(`${this.name}/agent.conf`, text);
  }

  writeAllowlist(lines: readonly string[]): void {
    this.#host.folder.write(`${this.name}/scripts.conf`, `${lines.join("\n")}\n`);
  }

  path(file: string): string {
    return this.#host.folder.join(this.name, file);
  }

  /** Runs `ctrl-exec-agent <mode> ...` of this agent. */
  async run(
    mode: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<Finished> {
    return await runProgram("ctrl-exec-agent", this.withSetting(mode, args), options);
  }

  /** The mode with this agent's `--config`, and `--log` if the mode has it. */
  withSetting(mode: string, args: readonly string[] = []): string[] {
    const takesLog = ["serve", "request-pairing", "join"].includes(mode);
    const log = takesLog ? ["--log", this.#host.log.path] : [];
    return [mode, ...args, "--config", this.config, ...log];
  }

  /** The options of a `request-pairing` to 127.0.0.1. */
  pairingArgs(port: number): string[] {
    return [`--hostname=${this.name}`, "--dispatcher=127.0.0.1", `--port=${port}`];
  }

  async pair(): Promise<void> {
    const { config } = await parseAgentConfig(this.config, readFileSync(this.config, "utf8"));
    const { approve = { lookupBy: "ip" } } = this.#options;
    await this.#host.pair(this.name, config, approve);
  }

  /** The real exchange, approved by the real command; the agent is dialled by its address. */
  async requestPairing(): Promise<void> {
    const port = await this.#host.pairingPort();
    const waiting = this.run("request-pairing", this.pairingArgs(port));
    const failed = waiting.then(({ err }) => Promise.reject(new Error(`pairing ended: ${err}`)));
    const id = await Promise.race([this.#host.requestFor(this.name), failed]);
    failed.catch(() => undefined);
    await this.#host.mustRun("approve", [id, "--lookup-by=ip"]);
    const finished = await waiting;
    if (finished.status !== 0) throw new Error(`pairing ended ${finished.status}: ${finished.err}`);
  }

  /** Starts the agent and waits until it listens. */
  async serve(options: RunOptions = {}): Promise<Running> {
    const { log } = this.#host;
    const { env, logsToSocket = false } = this.#options;
    const destination = logsToSocket ? log.path : "stderr";
    const starts = () => log.of("start").filter(({ fields }) => fields.PORT === String(this.port));
    const earlier = starts().length;
    const running = Running.service(
      "ctrl-exec-agent",
      ["serve", "--config", this.config, "--log", destination],
      env === undefined ? options : { ...options, env },
    );
    this.#serving = running;
    if (logsToSocket) await until(`${this.name} listens`, () => starts().length > earlier);
    else await running.seen(/ACTION=start\b/);
    return running;
  }

  /** The running agent; its log is on its stderr. */
  get serving(): Running {
    if (this.#serving === undefined) throw new Error(`${this.name} is not running`);
    return this.#serving;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number> {
    const status = await this.#serving?.stop(signal);
    this.#serving = undefined;
    return status ?? 0;
  }
}
