/** The jobs of an agent, with no agent around them. */
import { readdirSync } from "node:fs";
import type { RunOrder } from "../../src/agent/jobs/job.ts";
import { JobTable } from "../../src/agent/jobs/job-table.ts";
import type { ShimProgram } from "../../src/agent/jobs/shim-link.ts";
import { judgeAllowedScript } from "../../src/agent/scripts/run-script.ts";
import { RunningScripts } from "../../src/agent/scripts/running-scripts.ts";
import { parseAgentConfig } from "../../src/core/config/agent-config.ts";
import type { AgentEvent, CommonEvent } from "../../src/core/events.ts";
import { newRequestId } from "../../src/core/request-id.ts";
import { TestFolder } from "./folder.ts";

export class TestJobs implements AsyncDisposable {
  readonly folder = new TestFolder();
  /** What is added to the time of day. */
  shift = 0;
  /** What was logged. */
  readonly events: (AgentEvent | CommonEvent)[] = [];
  readonly running = new RunningScripts(100);
  readonly #tables: JobTable[] = [];
  readonly #config;

  private constructor(config: Awaited<ReturnType<typeof parseAgentConfig>>["config"]) {
    this.#config = config;
  }

  /** Shims begin once there is a file `go`, and fail once there is `fail`. @param lines of agent.conf */
  static async create(...lines: readonly string[]): Promise<TestJobs> {
    const text = ["port = 7443", ...lines].join("\n");
    return new TestJobs((await parseAgentConfig("agent.conf", text)).config);
  }

  /** As of an agent that starts. */
  async table(shim = this.#slowShim): Promise<JobTable> {
    const table = new JobTable({
      folder: this.folder.join("jobs"),
      config: () => this.#config,
      now: () => new Date(Date.now() + this.shift),
      log: (event) => void this.events.push(event),
      running: this.running,
      shim,
    });
    this.#tables.push(table);
    await table.recover();
    return table;
  }

  get #slowShim(): ShimProgram {
    const program = new URL("slow-shim.ts", import.meta.url).pathname;
    return { file: process.execPath, args: [program, this.folder.path] };
  }

  order(body: string, more: Partial<RunOrder> = {}): RunOrder {
    const path = this.folder.script("script.sh", body);
    const script = { name: "script", path, options: {} };
    return {
      reqid: newRequestId(),
      script,
      judged: judgeAllowedScript(script, this.#config),
      args: [],
      username: "alice",
      token: "",
      peerIp: "127.0.0.1",
      lock: false,
      timeout: undefined,
      ...more,
    };
  }

  /** Of runs that have ended, by their ids: the exit statuses that were logged. */
  ends(reqid: string): readonly number[] {
    return this.events.flatMap((event) =>
      (event.event === "run" || event.event === "run-problem") && event.reqid === reqid
        ? [Number(event.exit)]
        : [],
    );
  }

  /** How many shims have been started. */
  get shims(): readonly number[] {
    return readdirSync(this.folder.path).flatMap((name) =>
      name.startsWith("shim-") ? [Number(name.slice(5))] : [],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.folder.write("fail", "");
    for (const table of this.#tables) table.close();
    this.folder[Symbol.dispose]();
  }
}
