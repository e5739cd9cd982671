/** One host of a run that is under way: what is heard of it, and the result that this comes to. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { dropUndefined } from "../../core/json.ts";
import type { RunEnding, RunEvent } from "../../core/run-event.ts";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { readRunEnd } from "../../core/run-state.ts";
import { formatBytes } from "../../core/units.ts";
import { BytesText } from "../../core/wire/bytes-text.ts";
import { Deadline } from "../../system/deadline.ts";
import type { FollowedRun } from "../fleet/follow-run.ts";
import type { ReplyShare } from "../fleet/reply-budget.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
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
  readonly #share: ReplyShare;
  readonly #onEvent: ((event: RunEvent) => Promise<void> | void) | undefined;
  readonly #stop = new AbortController();
  #clock: Deadline | undefined;
  #started: string | undefined;
  #kept = { stdout: new BytesText(), stderr: new BytesText() };
  /** Why its output is not kept. */
  #tooMuch: string | undefined;

  /**
   * @param share of what may be held, for its output
   * @param onEvent hears of it while it is under way; without one, `read_timeout` bounds the script
   */
  constructor(
    run: Run,
    target: ResolvedTarget,
    config: ControllerConfig,
    share: ReplyShare,
    onEvent: ((event: RunEvent) => Promise<void> | void) | undefined,
  ) {
    this.#run = run;
    this.#target = target;
    this.#config = config;
    this.#share = share;
    this.#onEvent = onEvent;
  }

  /** Aborted when its result is no longer waited for. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  async hear(event: RunEvent): Promise<void> {
    if (event.kind === "begin") this.#begin(event.started);
    if (event.kind === "output") this.#keep(this.#kept[event.stream], event.bytes);
    await this.#onEvent?.(event);
  }

  result(followed: FollowedRun, progress: RunProgress): RunResult {
    this.#clock?.stop();
    const { outcome, kind } = followed;
    if (kind === "answered") return hostResult(this.#run, outcome, progress);
    const rtt = `${outcome.rtt}ms`;
    if (kind === "ended") return this.#ended(followed.end, rtt);
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

  #keep(output: BytesText, bytes: Uint8Array): void {
    if (this.#tooMuch !== undefined) return;
    const { stdout, stderr } = this.#kept;
    const held = stdout.length + stderr.length + bytes.length;
    const { max_reply, max_replies } = this.#config;
    if (held > max_reply) {
      this.#drop(`it is larger than ${formatBytes(max_reply)} (max_reply in ctrl-exec.conf)`);
    } else if (!this.#share.hold(held)) {
      const left = `too little of ${formatBytes(max_replies)} for the answers of other hosts`;
      this.#drop(`it leaves ${left} (max_replies in ctrl-exec.conf)`);
    } else output.add(bytes);
  }

  #drop(why: string): void {
    this.#tooMuch = `the output was dropped: ${why}`;
    this.#kept = { stdout: new BytesText(), stderr: new BytesText() };
    this.#share.giveBack();
  }

  #ended(end: RunEnding, rtt: string): RunResult {
    const { exit, state: _, error = this.#tooMuch, stdout_bytes, stderr_bytes, ...rest } = end;
    const { stdout, stderr } = this.#kept;
    const { script, reqid } = this.#run;
    const texts = { stdout: stdout.text(), stderr: stderr.text() };
    // The order of docs/PROTOCOL.md, section 5, which scripts grep for.
    const head = { host: this.#target.label, script, exit, ...texts, rtt, reqid };
    return {
      ...head,
      ...readRunEnd({ ...end, error }, "never-ran"),
      ...dropUndefined({
        stdout_b64: stdout.base64(),
        stderr_b64: stderr.base64(),
        ...rest,
        started: end.started || undefined,
        ended: end.ended || undefined,
        stdout_dropped: stdout_bytes - stdout.length || undefined,
        stderr_dropped: stderr_bytes - stderr.length || undefined,
      }),
    };
  }
}
