/** What the agent runs out of in the soak, again and again: processes, descriptors, readers of its log. */
import type { Socket } from "node:net";
import { asUser, cleanEnvironment, programPath } from "../support/binary.ts";
import type { ControlHost, TestAgent } from "../support/fleet.ts";
import { LogSocket, parseFields } from "../support/log-socket.ts";
import { freeProcesses, handOver, LIMITED_USER, useUpProcesses } from "../support/process-limit.ts";
import { openTcp } from "../support/raw-agent.ts";
import { UnreadPipe } from "../support/unread.ts";

/** Leaves room for 116 connections and 29 processes: fewer than the idle ones below. */
const DESCRIPTORS = 256;
const IDLE = 200;

export class Shortages implements AsyncDisposable {
  readonly child: Bun.Subprocess;
  /** All connections are taken: a caller may be pushed out before it has shown who it is, and calls again. */
  full = false;
  readonly counts = { processes: 0, descriptors: 0, syslog: 0 };
  readonly #agent: TestAgent;
  readonly #stderr = new UnreadPipe();
  readonly #daemon: LogSocket;

  /** Starts the paired agent with few descriptors, beside a syslog that hangs, and its stderr unread. */
  constructor(control: ControlHost, agent: TestAgent) {
    this.#agent = agent;
    handOver(agent.path("."));
    const path = control.folder.join("hanging-log");
    // It reads when it is asked for its lines.
    this.#daemon = new LogSocket(path, { reads: false });
    const program = [programPath("ctrl-exec-agent"), "serve", "--config", agent.config];
    const as = LIMITED_USER === undefined ? [] : asUser(LIMITED_USER);
    const limited = ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$@"`, "sh", ...as];
    this.child = Bun.spawn([...limited, ...program, "--log", path], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: this.#stderr.writeEnd,
      env: cleanEnvironment(),
    });
  }

  /** For a second no script and no thread starts; then three in which all is well. */
  async useUpProcesses(): Promise<void> {
    useUpProcesses(this.child.pid);
    this.counts.processes += 1;
    await Bun.sleep(1000);
    freeProcesses(this.child.pid);
    await Bun.sleep(3000);
  }

  /** More strangers than there are descriptors, slowly enough for others to be served between them. */
  async useUpDescriptors(): Promise<void> {
    const idle: Socket[] = [];
    this.full = true;
    for (let count = 0; count < IDLE; count++) {
      idle.push(openTcp(this.#agent.port).on("error", () => undefined));
      await Bun.sleep(10);
    }
    this.counts.descriptors += 1;
    for (const socket of idle) socket.destroy();
    await Bun.sleep(500);
    this.full = false;
    await Bun.sleep(500);
  }

  /** The daemon reads for a moment, and hangs again. */
  async readLog(): Promise<void> {
    for (const end = Date.now() + 1000; Date.now() < end; await Bun.sleep(5)) this.#drain();
    this.counts.syslog += 1;
    await Bun.sleep(5000);
  }

  #drain(): number {
    return this.#daemon.lines.length;
  }

  /** Ends the agent and reads all that is left; returns how many lines there are, and how many were lost. */
  async end(): Promise<{ status: number; lines: number; lost: number }> {
    const stderr = this.#stderr.read();
    this.child.kill();
    while (this.child.exitCode === null) {
      this.#drain();
      await Bun.sleep(5);
    }
    const status = await this.child.exited;
    const onStderr = (await stderr).split("\n").filter((line) => line !== "");
    const events = onStderr.map((line) => parseFields(line.slice(line.indexOf("ACTION="))));
    const told = this.#daemon.of("log-lost").map(({ fields }) => Number(fields.COUNT));
    for (const { ACTION, COUNT } of events) if (ACTION === "log-lost") told.push(Number(COUNT));
    const lost = told.reduce((sum, count) => sum + count, 0);
    return { status, lines: this.#daemon.lines.length + events.length - told.length, lost };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.exited;
    this.#stderr[Symbol.dispose]();
    this.#daemon[Symbol.dispose]();
  }
}
