/**
 * A control host and agents inside the test's own process, with a clock that the test moves. Sockets,
 * TLS, files, scripts and certificates are the real ones; pairing skips the wire.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { type AgentServer, startAgentServer } from "../../src/agent/server.ts";
import { loadState } from "../../src/agent/state/state.ts";
import type { Caller } from "../../src/controller/access/authorize.ts";
import { authorizedTargets } from "../../src/controller/access/authorized-targets.ts";
import type { Controller } from "../../src/controller/control-host.ts";
import { type ResolvedTarget, readTargets } from "../../src/controller/fleet/targets.ts";
import { pingHosts } from "../../src/controller/inventory/ping.ts";
import { startRun } from "../../src/controller/runs/start-run.ts";
import type { AgentRecord } from "../../src/controller/store/agent-record.ts";
import { openFileStore } from "../../src/controller/store/file-store.ts";
import { findAgent } from "../../src/controller/store/registry.ts";
import { clientCredential, loadCredential } from "../../src/controller/trust/credential.ts";
import { renewSeen } from "../../src/controller/upkeep/renew-seen.ts";
import { type AgentConfig, parseAgentConfig } from "../../src/core/config/agent-config.ts";
import { parseControllerConfig } from "../../src/core/config/controller-config.ts";
import type { PingResult } from "../../src/core/results.ts";
import { serialFromHex } from "../../src/core/serial.ts";
import { addDays } from "../../src/core/time.ts";
import { freePort } from "../../src/system/net/free-port.ts";
import { tlsContext } from "../../src/system/net/tls.ts";
import { EventLog } from "./event-log.ts";
import { TestFolder } from "./folder.ts";
import { localController, pairLocally, setupLocally } from "./local-pairing.ts";
import { PreparedHost } from "./prepared-host.ts";

export const CALLER: Caller = { face: "cli", username: "tester", token: "", sourceIp: "127.0.0.1" };

/** As the faces ping: hosts whose certificates are due are renewed. */
export async function ping(
  controller: Controller,
  names: readonly string[],
): Promise<PingResult[]> {
  return await pingHosts(
    controller,
    CALLER,
    { hosts: names, port: undefined },
    {
      onResult: () => undefined,
      onSeen: (records) => renewSeen(controller, records),
    },
  );
}

export class LocalFleet implements AsyncDisposable {
  readonly folder = new TestFolder();
  readonly log = new EventLog("ctrl-exec");
  readonly agents: LocalAgent[] = [];
  #now = new Date();
  #prepared: PreparedHost | undefined;

  private constructor(readonly controller: Controller) {}

  /** @param lines more lines for ctrl-exec.conf */
  static async create(lines: readonly string[] = []): Promise<LocalFleet> {
    const fleet = await LocalFleet.bare(lines);
    fleet.#prepared = await PreparedHost.take(lines);
    if (fleet.#prepared === undefined) await setupLocally(fleet.controller);
    else fleet.#prepared.placeIn(fleet.folder.join("control"));
    return fleet;
  }

  /** A control host without a CA. */
  static async bare(lines: readonly string[] = []): Promise<LocalFleet> {
    const controller = await localController("/unset", "");
    const fleet = new LocalFleet(controller);
    mkdirSync(fleet.folder.join("control"));
    const text = [`state_dir = ${fleet.folder.join("control", "state")}`, "connect_timeout = 2"];
    const { config } = await parseControllerConfig(
      fleet.folder.join("control", "ctrl-exec.conf"),
      [...text, ...lines, ""].join("\n"),
    );
    const log = controller.counts.counting(fleet.log.log);
    const context = { config, log, now: () => fleet.now };
    const store = openFileStore(context);
    controller.counts.keepIn(store.counts);
    Object.assign(controller, { ...context, store });
    return fleet;
  }

  get now(): Date {
    return this.#now;
  }

  passDays(days: number): void {
    this.#now = addDays(this.#now, days);
  }

  /** The same control host as seen by a process that has just started. */
  restarted(): Controller {
    return { ...this.controller };
  }

  async addAgent(name: string, options: LocalAgentOptions = {}): Promise<LocalAgent> {
    const agent = await LocalAgent.create(this, name, options);
    this.agents.push(agent);
    await agent.pair(options.keyPem);
    await agent.start();
    return agent;
  }

  /** @param ownKey PEM; undefined makes one */
  async pair(name: string, config: AgentConfig, ownKey: string | undefined): Promise<void> {
    const prepared = ownKey === undefined ? this.#prepared : undefined;
    const options = { lookupBy: "ip" } as const;
    if (prepared === undefined) await pairLocally(this.controller, name, config, options, ownKey);
    else await prepared.pair(this.controller, name, config, options);
  }

  record(name: string): AgentRecord {
    const found = findAgent(this.controller.config, name);
    if (found?.kind !== "agent") throw new Error(`${name} is not registered`);
    return found.record;
  }

  /** The targets for a caller whom the hook allows. */
  async targets(
    typed: readonly string[],
    port?: number,
    controller = this.controller,
  ): Promise<ResolvedTarget[]> {
    const asked = readTargets(typed, port, 500);
    const action = { action: "ping", script: "", args: [] } as const;
    return await authorizedTargets(controller, CALLER, action, asked);
  }

  /** Names of the hosts that did not answer a ping, with what was wrong. */
  async pingFailures(names: readonly string[], controller = this.controller): Promise<string[]> {
    const results = await ping(controller, names);
    return results.flatMap(({ host, error }) => (error === undefined ? [] : [`${host}: ${error}`]));
  }

  /** Names of the hosts on which the script `count` did not run, with what was wrong. */
  async runFailures(names: readonly string[], controller = this.controller): Promise<string[]> {
    const order = { hosts: names, port: undefined, script: "count", args: [] };
    const { results } = await (await startRun(controller, CALLER, order, () => undefined)).finished;
    return results.flatMap(({ host, exit, error, stderr }) =>
      exit === 0 ? [] : [`${host}: ${exit} ${error ?? ""}${stderr}`],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.agents) await agent.stop();
    this.folder[Symbol.dispose]();
    this.#prepared?.giveBack();
    this.#prepared = undefined;
  }
}

export interface LocalAgentOptions {
  /** Body of an administrator's own update-ctrl-exec-serial; undefined is the program, null leaves it out. */
  readonly updateScript?: string | null;
  /** What its clock says, read at every answer; undefined means the real time. */
  readonly clock?: () => Date;
  /** PEM of the key with which it is paired; undefined means a new P-256 key. */
  readonly keyPem?: string;
  /** More lines for agent.conf. */
  readonly lines?: readonly string[];
}

const UPDATE_PROGRAM = join(import.meta.dir, "update-serial-program.ts");

export class LocalAgent {
  readonly log = new EventLog("ctrl-exec-agent");
  #server: AgentServer | undefined;

  private constructor(
    readonly fleet: LocalFleet,
    readonly name: string,
    readonly config: AgentConfig,
    readonly clock: () => Date,
  ) {}

  static async create(
    fleet: LocalFleet,
    name: string,
    options: LocalAgentOptions,
  ): Promise<LocalAgent> {
    const { folder } = fleet;
    const conf = `port = ${freePort()}\nbind = 127.0.0.1\nrate_limit_disable = 1\n${(options.lines ?? []).join("\n")}\n`;
    const file = folder.write(`${name}/agent.conf`, conf);
    const { config } = await parseAgentConfig(file, conf);
    const agent = new LocalAgent(fleet, name, config, options.clock ?? (() => fleet.now));
    agent.setUpdateScript(options.updateScript);
    return agent;
  }

  /** Takes effect at the next start. */
  setUpdateScript(script: string | null | undefined): void {
    const { folder } = this.fleet;
    // Every run leaves a line, so that a test can say how often it ran.
    const count = folder.script(`${this.name}/count.sh`, `echo run >> ${this.path("runs")}`);
    const lines = [`count = ${count}`];
    if (script !== null) {
      const body = script ?? `exec ${process.execPath} ${UPDATE_PROGRAM} "$@"`;
      lines.push(`update-ctrl-exec-serial = ${folder.script(`${this.name}/update.sh`, body)}`);
    }
    folder.write(`${this.name}/scripts.conf`, `${lines.join("\n")}\n`);
  }

  path(file: string): string {
    return this.fleet.folder.join(this.name, file);
  }

  /** @param ownKey PEM; undefined makes one */
  async pair(ownKey?: string): Promise<void> {
    await this.fleet.pair(this.name, this.config, ownKey);
  }

  /**
   * The serial of the certificate that it shows to the control host, over TLS, in which both certificates
   * are verified.
   */
  async servedSerial(): Promise<string> {
    const { config } = this.fleet.controller;
    const secureContext = tlsContext(clientCredential(loadCredential(config, this.fleet.now)));
    const socket = connect({
      host: "127.0.0.1",
      port: this.config.port,
      secureContext,
      rejectUnauthorized: true,
      checkServerIdentity: () => undefined,
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
    await promise;
    const serial = serialFromHex(socket.getPeerX509Certificate()?.serialNumber ?? "");
    const closed = new Promise<void>((done) => socket.once("close", () => done()));
    socket.end();
    socket.resume();
    await closed;
    return serial;
  }

  get isUp(): boolean {
    return this.#server !== undefined;
  }

  async start(): Promise<void> {
    const state = await loadState(this.config, this.path("scripts.conf"));
    this.#server = await startAgentServer({
      state,
      log: this.log.log,
      now: this.clock,
    });
  }

  async stop(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  /** What a SIGHUP does. */
  async reload(): Promise<void> {
    this.#server?.replaceState(await loadState(this.config, this.path("scripts.conf")));
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }
}
