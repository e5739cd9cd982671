/** One host of a run that is under way: what is received from it, and the result that follows. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { dropUndefined } from "../../core/json.ts";
import type { RunEnding, RunEvent } from "../../core/run-event.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { readRunEnd } from "../../core/run-state.ts";
import { Deadline } from "../../system/deadline.ts";
import type { FollowedRun } from "../fleet/follow-run.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostOutput, KeptOutput } from "../store/ports/runs.ts";
import { hostResult } from "./host-result.ts";
import type { RunProgress } from "./run-progress.ts";

interface Run {
  readonly script: string;
  readonly reqid: string;
}

export class HostRun {
  readonly #run: Run;
  readonly #target: ResolvedTarget;
  readonly #config: ControllerConfig;
  readonly #output: HostOutput;
  readonly #onEvent: ((event: RunEvent) => Promise<void> | void) | undefined;
  readonly #stop = new AbortController();
  #clock: Deadline | undefined;
  #started: string | undefined;

  /**
   * @param output receives what it prints
   * @param onEvent is told of its events while it is under way; without it, `read_timeout` limits the script
   */
  constructor(
    run: Run,
    target: ResolvedTarget,
    config: ControllerConfig,
    output: HostOutput,
    onEvent: ((event: RunEvent) => Promise<void> | void) | undefined,
  ) {
    this.#run = run;
    this.#target = target;
    this.#config = config;
    this.#output = output;
    this.#onEvent = onEvent;
  }

  /** Aborted when its result is no longer waited for. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Its result is not waited for, unless it has begun. */
  giveUpUnlessBegun(): void {
    if (this.#started === undefined) this.#stop.abort();
  }

  async hear(event: RunEvent): Promise<void> {
    if (event.kind === "begin") this.#begin(event.started);
    // Both at once: neither the screen nor the disk waits for the other.
    const isKept =
      event.kind === "output" ? this.#output.take(event.stream, event.bytes) : undefined;
    await this.#onEvent?.(event);
    await isKept;
  }

  async result(followed: FollowedRun, progress: RunProgress): Promise<RunResult> {
    this.#clock?.stop();
    const kept = await this.#output.end();
    const { outcome, kind } = followed;
    if (kind === "answered") return hostResult(this.#run, outcome, progress);
    const rtt = `${outcome.rtt}ms`;
    if (kind === "ended") return this.#ended(followed.end, kept, rtt);
    const late = `read timeout after ${this.#config.read_timeout}s`;
    const error = this.signal.aborted ? late : followed.why;
    const host = this.#target.label;
    const running = withoutResult(this.#run, host, rtt, { state: "running", error });
    return this.#started === undefined ? running : { ...running, started: this.#started };
  }

  #begin(started: string): void {
    this.#started = started;
    if (this.#onEvent !== undefined) return;
    this.#clock = new Deadline(this.#config.read_timeout * 1000, () => this.#stop.abort());
  }

  #ended(end: RunEnding, kept: KeptOutput, rtt: string): RunResult {
    const { exit, state: _, error = kept.error, stdout_bytes, stderr_bytes, ...rest } = end;
    const { stdout, stderr, stdout_b64, stderr_b64, bytes, lost } = kept;
    const { script, reqid } = this.#run;
    // The order of docs/PROTOCOL.md, section 5, which scripts grep for.
    const head = { host: this.#target.label, script, exit, stdout, stderr, rtt, reqid };
    return {
      ...head,
      ...readRunEnd({ ...end, error }, "never-ran"),
      ...dropUndefined({
        stdout_b64,
        stderr_b64,
        ...rest,
        started: end.started || undefined,
        ended: end.ended || undefined,
        stdout_dropped: stdout_bytes - bytes.stdout || undefined,
        stderr_dropped: stderr_bytes - bytes.stderr || undefined,
        stdout_unrecorded: lost.stdout || undefined,
        stderr_unrecorded: lost.stderr || undefined,
      }),
    };
  }
}
