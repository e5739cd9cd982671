/**
 * Runs that have no folder, as this process's own children: on a host where no folder can be made, and for a control
 * host whose request id is invalid or was used before. Nobody can come back to them; they end as jobs do.
 */
import type { AgentConfig } from "../../core/config/agent-config.ts";
import type { AgentLog } from "../../core/events.ts";
import type { OutputStream, RunEnding } from "../../core/run-event.ts";
import { Capture } from "../../system/process/capture.ts";
import type { ProcessId } from "../../system/process/process-id.ts";
import { inMemory } from "../scripts/output-text.ts";
import { startAllowedScript } from "../scripts/run-script.ts";
import { scriptContext } from "../scripts/script-context.ts";
import { startMarked, WatchedScript } from "../scripts/watched-script.ts";
import { Cancels, type Endable } from "./cancels.ts";
import { notStarted } from "./endings.ts";
import type {
  BegunRun,
  CancelOutcome,
  JobFacts,
  Jobs,
  KeptOutput,
  OrderClaim,
  OrderRefusal,
  RunOrder,
  Withdrawal,
} from "./job.ts";
import type { JobCancel } from "./job-folder.ts";
import { type LoggedRequest, logEnd, logStalled, logStart } from "./job-log.ts";
import { newJobName } from "./jobs-folder.ts";
import { limitsOf } from "./limits.ts";

export interface UnkeptOptions {
  /** The state in force. */
  readonly config: () => AgentConfig;
  readonly log: AgentLog;
  readonly now: () => Date;
}

const NO_SHIM = "this agent has no shim";

/** If the agent is part of another program, it has no shim. */
export class UnkeptRuns implements Jobs {
  readonly #options: UnkeptOptions;
  readonly #running = new Set<UnkeptRun>();
  // No shim is below this process's own children, or in their session.
  readonly #cancels = new Cancels(() => []);

  constructor(options: UnkeptOptions) {
    this.#options = options;
  }

  async refusal({ script, lock }: OrderClaim): Promise<OrderRefusal | undefined> {
    const other = lock ? this.facts.find((run) => run.script === script) : undefined;
    return other && { kind: "busy", reqid: other.reqid };
  }

  async start() {
    return { kind: "no-room", problem: NO_SHIM } as const;
  }

  async startUnkept(order: RunOrder): Promise<BegunRun> {
    const { config, log, now } = this.#options;
    const { script, judged, args } = order;
    const asked = now();
    const { timeout, maxOutput } = limitsOf(order, config());
    const run = new UnkeptRun(order, maxOutput);
    this.#running.add(run);
    const input = scriptContext(order, asked);
    const afterMs = config().stdin_timeout * 1000;
    const report = () => logStalled(log, run.request, Buffer.byteLength(input));
    const outcome = await startAllowedScript(script, judged, args, config(), async (program) =>
      startMarked(run.name, { ...program, input, inputStalled: { afterMs, report } }),
    );
    const end = (ending: RunEnding) => {
      this.#running.delete(run);
      logEnd(log, run.request, ending);
      run.end(ending);
    };
    if (outcome.kind === "started") {
      logStart(log, run.request);
      void run.follow(new WatchedScript(outcome, run.rule(timeout))).then(end);
    } else {
      const none = { started: "", stdout_bytes: 0, stderr_bytes: 0 };
      end({ ...notStarted(script.path, outcome), ...none, ended: now().toISOString() });
    }
    return run;
  }

  running(reqid: string): JobFacts | undefined {
    return this.#runWith(reqid)?.facts;
  }

  /** They end, with everything that they have started, when this process does. */
  async lostRuns(): Promise<readonly string[]> {
    return [];
  }

  find(): undefined {
    return undefined;
  }

  async cancel(reqid: string, by: string, graceMs: number): Promise<CancelOutcome | undefined> {
    const run = this.#runWith(reqid);
    return run && (await this.#cancels.cancel(run, by, graceMs));
  }

  withdraw(reqid: string): Withdrawal {
    if (this.running(reqid) !== undefined) return { kind: "known" };
    return { kind: "unnoted", problem: NO_SHIM };
  }

  /** It keeps nothing, and so knows nothing about runs that have ended. */
  knownMs(): number {
    return 0;
  }

  async list(): Promise<readonly JobFacts[]> {
    return this.facts.toReversed();
  }

  /** Of all that are running, newest last. */
  get facts(): readonly JobFacts[] {
    return [...this.#running].map(({ facts }) => facts);
  }

  #runWith(reqid: string): UnkeptRun | undefined {
    return [...this.#running].find(({ request }) => request.reqid === reqid);
  }
}

class UnkeptRun implements BegunRun, Endable {
  readonly name = newJobName();
  readonly request: LoggedRequest;
  readonly ended: Promise<RunEnding>;
  readonly #username: string;
  readonly #captures: Readonly<Record<OutputStream, Capture>>;
  readonly #ended = Promise.withResolvers<RunEnding>();
  #script: WatchedScript | undefined;
  #ending: RunEnding | undefined;
  #cancel: JobCancel | undefined;
  /** Nobody can come back to it. */
  readonly remains = [];
  /** What it leaves behind may become a child of process 1, which gets others' too. */
  readonly isAlone = false;

  constructor({ reqid, script, peerIp, hub, username }: RunOrder, maxOutput: number) {
    this.request = { reqid, script: script.name, peer_ip: peerIp, hub };
    this.ended = this.#ended.promise;
    this.#username = username;
    this.#captures = { stdout: new Capture(maxOutput), stderr: new Capture(maxOutput) };
  }

  get facts(): JobFacts {
    const { reqid, script } = this.request;
    return {
      reqid,
      script,
      username: this.#username,
      state: this.#ending?.state ?? "running",
      started: this.#ending?.started ?? this.#script?.started ?? "",
      ended: this.#ending?.ended,
    };
  }

  get root(): ProcessId | undefined {
    return this.#script?.root;
  }

  rule(timeout: number | undefined) {
    return {
      job: this.name,
      timeout,
      take: (stream: OutputStream, chunk: Uint8Array) => this.#captures[stream].take(chunk),
      goesOn: () => undefined,
      cancel: () => this.#cancel,
      remains: () => undefined,
      spared: () => [],
      isAlone: () => false,
    };
  }

  follow(script: WatchedScript): Promise<RunEnding> {
    this.#script = script;
    return script.ended;
  }

  note(cancel: JobCancel): void {
    this.#cancel = cancel;
  }

  noteRemains(): void {}

  end(ending: RunEnding): void {
    this.#ending = ending;
    this.#ended.resolve(ending);
  }

  output(stream: OutputStream): KeptOutput {
    const { chunks, dropped } = this.#captures[stream].captured();
    return { ...inMemory(chunks), dropped };
  }
}
