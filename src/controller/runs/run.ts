/** A run that was accepted: from here on there are no errors, only hosts' results. */
import { CtrlExecError } from "../../core/errors.ts";
import type { Fault } from "../../core/fault.ts";
import { inParallel } from "../../core/in-parallel.ts";
import { withoutToken } from "../../core/redact.ts";
import type { ReplyAccount } from "../../core/reply-budget.ts";
import type { RolloutReport } from "../../core/rollout.ts";
import type { RunEvent } from "../../core/run-event.ts";
import { changeError, type RunResult, withoutResult } from "../../core/run-result.ts";
import { spanOf } from "../../core/time.ts";
import { ContactWatch } from "../fleet/contact-watch.ts";
import { askHost, type FleetDialler, parallelLimit } from "../fleet/fan-out.ts";
import { followRun } from "../fleet/follow-run.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { FleetNews } from "../inventory/fleet-news.ts";
import type { HostContext } from "../store/host.ts";
import type { RunRecord } from "../store/ports/runs.ts";
import { HeldOutput } from "./held-output.ts";
import { givenUpResult, hostResult, notPermittedResult } from "./host-result.ts";
import { HostRun } from "./host-run.ts";
import type { ContactSink, RunSink } from "./listener.ts";
import type { RunLocks } from "./locks.ts";
import { logResult } from "./log-result.ts";
import type { Rejoin } from "./rejoin.ts";
import { RunProgress } from "./run-progress.ts";

export interface RunReport {
  readonly reqid: string;
  /** In the order in which the hosts were given. */
  readonly results: readonly RunResult[];
  /** Whether all results are complete in its record; failures are logged. */
  readonly recorded: boolean;
  /** Set if some hosts are not waited for any more, and may have no end yet. */
  readonly givenUp?: true;
  /** Set if it was done a few hosts at a time. */
  readonly rollout?: RolloutReport;
}

/** A run, or a rollout, that was accepted. */
export interface RunUnderWay {
  readonly reqid: string;
  /** Resolves when every host has its result and the record is written. */
  readonly finished: Promise<RunReport>;
  /**
   * For a process that must end before the run does: sends nothing more and completes the record; `finished` resolves
   * with results for the hosts that have not answered. Never rejects.
   *
   * @param why what happens to the process: "ctrl-exec was stopped"
   */
  abandon(why: string): Promise<void>;
  /** Nothing more is sent, and hosts that have not begun it are not waited for; the others go on to their end. */
  giveUpUnheard?(): void;
  /** For a rollout, in such a process: no further batch begins, and the one that is under way goes on. */
  beginNoMore?(why: string): void;
}

/** The parts of a run when it is accepted. */
export interface RunParts {
  /** What is sent to each host. */
  readonly body: {
    readonly script: string;
    readonly args: readonly string[];
    readonly reqid: string;
    readonly username: string;
    readonly token: string;
    /** The agent refuses it if the script is already running there. */
    readonly lock: 1;
    /** Seconds after which the agent ends it. */
    readonly timeout?: number;
    /** The agent answers once the script has started. */
    readonly detach?: true;
  };
  readonly targets: readonly ResolvedTarget[];
  /** All of the targets, or none if no allowlist can contain the script's name. */
  readonly sentTo: readonly ResolvedTarget[];
  /** Set if an earlier process began it: the hosts are asked about the state of the run there. */
  readonly rejoin?: Rejoin | undefined;
  readonly dialler: FleetDialler;
  /** For the hosts to which the script is sent. */
  readonly locks: RunLocks;
  readonly record: RunRecord;
  /** Is told about the hosts while they are under way. */
  readonly onEvent: RunSink | undefined;
  readonly onContact?: ContactSink | undefined;
  /** The number of this batch of a rollout, if the run was sent to other hosts before. */
  readonly batch?: number | undefined;
  /** The rollout of which it is a check. */
  readonly checkOf?: string | undefined;
}

/** How a host was asked. */
interface Heard {
  /** Milliseconds. */
  readonly rtt: number;
  readonly fault?: Fault;
}

/** The script has started, and nobody here waits for it. */
const ACCEPTED = 202;

/** For a host that is followed: its connection, and the files of two long outputs. */
const LIVE_DESCRIPTORS = 3;

export class Run implements RunUnderWay {
  readonly reqid: string;
  readonly finished: Promise<RunReport>;
  readonly #host: HostContext;
  readonly #parts: RunParts;
  readonly #onResult: (result: RunResult) => void;
  readonly #progress = new RunProgress();
  readonly #results = new Map<ResolvedTarget, RunResult>();
  /** The account in which the replies count, as long as the results may be needed. */
  readonly #account: ReplyAccount;
  readonly #report = Promise.withResolvers<RunReport>();
  readonly #unheard = new AbortController();
  /**
   * Hosts are being asked. Before that no host is, and after it each has a result: answers that come later are
   * ignored.
   */
  #isAsking = false;

  /** @param onResult called once per host, as they answer */
  constructor(host: HostContext, parts: RunParts, onResult: (result: RunResult) => void) {
    this.reqid = parts.body.reqid;
    this.finished = this.#report.promise;
    this.#host = host;
    this.#parts = parts;
    this.#onResult = onResult;
    this.#account = parts.dialler.budget.open();
    if (parts.rejoin !== undefined)
      for (const target of parts.sentTo) this.#progress.mayBeSent(target);
  }

  /**
   * Resolves when the run is recorded and its hosts are being asked.
   *
   * @param mustBeRecorded refuses a run that cannot be recorded, before anything is sent
   * @param needed settles when nobody needs the results any more
   * @throws CtrlExecError `unrecorded`
   */
  async begin(mustBeRecorded: boolean, needed?: Promise<unknown>): Promise<void> {
    const { batch, record, locks, targets, body, checkOf: rollout } = this.#parts;
    const stored = await record.stored;
    if (!stored && mustBeRecorded) {
      record.discard();
      locks.releaseAll();
      throw new CtrlExecError("unrecorded", "Cannot start the run: its record cannot be written", {
        hint: "Nothing was sent to any host. The log of the control host says what is wrong: ACTION=run-store-fail.",
      });
    }
    const hosts = targets.map(({ label }) => label);
    const { script } = body;
    this.#host.log({ event: "dispatch", batch, hosts, reqid: this.reqid, rollout, script });
    this.#fanOut().then(this.#report.resolve, this.#report.reject);
    void Promise.allSettled([this.finished, needed]).then(() => this.#account.close());
  }

  async abandon(why: string): Promise<void> {
    this.#report.resolve(await this.#end(why));
  }

  giveUpUnheard(): void {
    this.#progress.stop();
    this.#unheard.abort();
  }

  async #fanOut(): Promise<RunReport> {
    this.#isAsking = true;
    let report: RunReport;
    try {
      await this.#ask();
    } finally {
      this.#parts.locks.releaseAll();
      report = await this.#end("ctrl-exec gave up");
    }
    return report;
  }

  async #ask(): Promise<void> {
    const { body, targets, sentTo, dialler, locks, onEvent } = this.#parts;
    if (sentTo.length === 0) {
      for (const target of targets)
        this.#take(target, notPermittedResult(body, target), { rtt: 0 });
      return;
    }
    const asking = { ...dialler, account: this.#account, sending: this.#progress };
    const news = new FleetNews(this.#host, asking);
    const limit = parallelLimit(this.#host.config, onEvent === undefined ? 1 : LIVE_DESCRIPTORS);
    await inParallel(sentTo, limit, async (target) => {
      // It was given up in the meantime.
      if (!this.#isAsking) return;
      const { outcome, result } = await this.#runOn(asking, target);
      news.hear(outcome);
      locks.release(target);
      this.#take(target, result, outcome);
    });
    await news.keep();
  }

  async #runOn(dialler: FleetDialler, target: ResolvedTarget) {
    return this.#parts.body.detach
      ? await this.#letGo(dialler, target)
      : await this.#follow(dialler, target);
  }

  /** An agent before 1.1 answers when the script has ended. */
  async #letGo(dialler: FleetDialler, target: ResolvedTarget) {
    const { body } = this.#parts;
    const request = { method: "POST", path: "/run", body, reply: "output" } as const;
    const outcome = await askHost(dialler, target, request);
    const rtt = `${outcome.rtt}ms`;
    const result =
      outcome.reply?.status === ACCEPTED
        ? withoutResult(body, target.label, rtt, { state: "running" })
        : hostResult(body, outcome, this.#progress);
    return { outcome, result };
  }

  async #follow(dialler: FleetDialler, target: ResolvedTarget) {
    const { body, onEvent, onContact, record } = this.#parts;
    const { config } = this.#host;
    const share = this.#account.openReply();
    const sink = onEvent && ((event: RunEvent) => onEvent(target.label, event));
    // A caller who listens to the output as it comes needs no result that holds all of it.
    const output = sink ? record.output(target.label, share) : new HeldOutput(config, share);
    const hostRun = new HostRun(body, target, config, output, sink);
    const { signal: unheard } = this.#unheard;
    if (unheard.aborted) hostRun.giveUpUnlessBegun();
    unheard.addEventListener("abort", () => hostRun.giveUpUnlessBegun());
    const hear = async (event: RunEvent) => {
      // What a host says after it was given up no longer matters here.
      if (!this.#isAsking) return;
      if (event.kind === "begin") {
        this.#progress.begun(target);
        record.begun(target.label, event.started);
      }
      await hostRun.hear(event);
    };
    using contact = new ContactWatch((news) => {
      if (this.#isAsking) onContact?.(target.label, news);
    });
    const following = { reqid: body.reqid, signal: hostRun.signal, onEvent: hear, contact };
    const { rejoin } = this.#parts;
    if (rejoin !== undefined) {
      // Loaded only when a rollout is resumed.
      const { rejoinRun, forgottenOn } = await import("./rejoin.ts");
      const rejoined = await rejoinRun(dialler, target, body, following, rejoin);
      const { outcome } = rejoined;
      if (rejoined.kind === "refused") {
        const { refused: error, ...cancelled } = rejoined.why;
        const refused = { state: "never-ran", error } as const;
        const result = withoutResult(body, target.label, `${outcome.rtt}ms`, refused);
        return { outcome, result: { ...result, ...cancelled } };
      }
      const lost = forgottenOn(body, outcome);
      const heard = lost ?? (await hostRun.result(rejoined, this.#progress));
      // How long the last question took says nothing about the script.
      return { outcome, result: { ...heard, rtt: spanOf(heard.started, heard.ended) } };
    }
    const followed = await followRun(dialler, target, body, following);
    const result = await hostRun.result(followed, this.#progress);
    return { outcome: followed.outcome, result };
  }

  /** A host that was given up already has its result. */
  #take(target: ResolvedTarget, result: RunResult, heard: Heard): void {
    if (!this.#isAsking) return;
    this.#keep(target, result, heard);
    this.#onResult(result);
  }

  /** Hosts without a result get one that says why, and the record is completed. Only the first call counts. */
  async #end(why: string): Promise<RunReport> {
    this.#isAsking = false;
    this.#progress.stop();
    const { body, targets, record } = this.#parts;
    const givenUp = targets.filter((target) => !this.#results.has(target));
    for (const target of givenUp) {
      this.#keep(target, givenUpResult(body, target, this.#progress, why));
    }
    const recorded = await record.close();
    const results = targets.flatMap((target) => this.#results.get(target) ?? []);
    const report = { reqid: this.reqid, results, recorded };
    return givenUp.length === 0 ? report : { ...report, givenUp: true };
  }

  /** @param heard undefined if the host was given up */
  #keep(target: ResolvedTarget, result: RunResult, heard?: Heard): void {
    const { body, record } = this.#parts;
    const hidden = changeError(result, (error) => withoutToken(error, body.token));
    logResult(this.#host.log, target, hidden, heard);
    this.#results.set(target, result);
    record.add(result);
  }
}
