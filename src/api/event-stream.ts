/**
 * Runs as Server-Sent Events (HTML standard, section 9.2): what their hosts print as it comes, how each ends, and a
 * summary of each run. Every message has an id at which another stream can continue exactly.
 */
import { endedResult } from "../controller/runs/ended-result.ts";
import type { Gap } from "../controller/runs/log-reading.ts";
import type { RunLog } from "../controller/runs/run-log.ts";
import { inParallel } from "../core/in-parallel.ts";
import type { RunEnding, RunEvent } from "../core/run-event.ts";
import { outcomeOfResult, type RunOutcome } from "../core/run-outcome.ts";
import { type RunResult, withoutResult } from "../core/run-result.ts";
import { goesOn, runEnd } from "../core/run-state.ts";
import { parseIso } from "../core/time.ts";
import { messageBytes } from "../core/wire/message-bytes.ts";
import { type RunMessage, RunMessages, summaryOf } from "../core/wire/run-messages.ts";
import { Deadline, within } from "../system/deadline.ts";
import type { StreamReader } from "./answer.ts";
import { eventId, isEndOutcome, type RunPosition } from "./event-id.ts";

/** A run, and how far an earlier stream has come with it. */
export interface FollowedRun {
  readonly log: RunLog;
  readonly position: RunPosition;
}

/** How long a client waits before it connects again. */
const RETRY_MS = 2000;

/** Runs whose ends are recorded at the same time, after their summaries. */
const LEARNT_AT_ONCE = 4;

/** How late the message of a batch may be, and the end of a host after that of its batch. */
const LATE_MS = 2000;

/** After this much silence, a comment shows that the connection is alive. */
const SILENCE_MS = 10_000;

export interface Following {
  /** How many hosts are followed at once. */
  readonly parallel: number;
  readonly now: () => Date;
  readonly silenceMs?: number;
  /** How long a host's messages wait for that of its batch. */
  readonly lateMs?: number;
}

export async function sendEvents(
  runs: readonly FollowedRun[],
  following: Following,
  reader: StreamReader,
): Promise<void> {
  const stream = new EventStream(runs, reader, following.silenceMs ?? SILENCE_MS);
  try {
    await stream.send(following);
  } finally {
    stream.close();
  }
}

class EventStream {
  readonly #runs: readonly FollowedRun[];
  readonly #reader: StreamReader;
  readonly #silence: Deadline;
  /** One message after the other, in the order of their ids. */
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(runs: readonly FollowedRun[], reader: StreamReader, silenceMs: number) {
    this.#runs = runs;
    this.#reader = reader;
    this.#silence = new Deadline(silenceMs, () => void this.#write(":\n\n"));
  }

  async send({ parallel, now, lateMs = LATE_MS }: Following): Promise<void> {
    await this.#write(`retry: ${RETRY_MS}\n\n`);
    const told = this.#runs
      .filter(({ position }) => !position.over)
      .map((run) => new ToldRun(run, lateMs, (...message) => this.#tell(run, ...message)));
    const ofBatches = Promise.all(told.map((run) => run.tellBatches(this.#reader.signal)));
    // Its failure shows when it is waited for.
    ofBatches.catch(() => undefined);
    const left = told.flatMap((run) => run.left.map((host) => ({ run, host })));
    await inParallel(left, parallel, async ({ run, host }) => {
      if (this.#reader.signal.aborted) return;
      await run.follow(host, this.#reader.signal);
      if (!this.#reader.signal.aborted) await run.closeIfTold(now());
    });
    await ofBatches;
    for (const run of told) if (!this.#reader.signal.aborted) await run.closeIfTold(now());
    if (!this.#reader.signal.aborted) {
      await inParallel(told, LEARNT_AT_ONCE, (run) => run.learn());
    }
  }

  close(): void {
    this.#closed = true;
    this.#silence.stop();
  }

  async #tell({ log, position }: FollowedRun, message: RunMessage, at: MessagePlace) {
    const told = this.#turn.then(async () => {
      advance(position, message, at);
      const id = eventId(this.#runs.map((run) => run.position));
      const named = { ...message, reqid: log.report.reqid };
      await this.#write(messageBytes(named, `id: ${id}\ndata: `, "\n\n"));
    });
    this.#turn = told;
    await told;
  }

  async #write(content: string | Uint8Array): Promise<void> {
    this.#silence.stop();
    await this.#reader.write(content);
    if (!this.#closed) this.#silence.restart();
  }
}

function advance(position: RunPosition, message: RunMessage, at: MessagePlace): void {
  const { hosts } = position;
  const { host = 0, isLast = false } = at;
  const before = hosts[host];
  const next = before?.kind === "begun" ? before.next : { stdout: 0, stderr: 0 };
  if (message.event === "summary") {
    position.over = isLast;
  } else if (at.told !== undefined) {
    position.told = at.told;
  } else if (message.event === "start") {
    hosts[host] = { kind: "begun", next };
  } else if (message.event === "end") {
    const outcome = outcomeOfResult(message);
    if (isEndOutcome(outcome)) hosts[host] = { kind: "ended", outcome };
  } else if ("bytes" in message) {
    const behind = message.offset + message.bytes.length;
    hosts[host] = { kind: "begun", next: { ...next, [message.stream]: behind } };
  }
}

/** Where a message belongs in its run. */
interface MessagePlace {
  /** The position of the host in the run, for a message about a host. */
  readonly host?: number;
  /** How many messages about batches were sent, including this one. */
  readonly told?: number;
  /** Nothing more will come. */
  readonly isLast?: boolean;
}

/** One run, while it is reported. */
class ToldRun {
  readonly #run: FollowedRun;
  readonly #lateMs: number;
  readonly #tell: (message: RunMessage, at: MessagePlace) => Promise<void>;
  readonly #messages = new RunMessages();
  /** For each host, once it is known. */
  readonly #outcomes: (RunOutcome | undefined)[];
  /** Another stream may learn the end of some host. */
  #mayGoOn = false;
  /** Its summary has been sent. */
  #isTold = false;
  #batchesAreTold = false;
  /** Hosts whose batch was reported. */
  readonly #begunHosts = new Set<string>();
  #batchTold = Promise.withResolvers<void>();
  #hostTold = Promise.withResolvers<void>();
  /** When the last of the hosts that this stream has reported ended. */
  #lastEnd: Date | undefined;

  constructor(
    run: FollowedRun,
    lateMs: number,
    tell: (message: RunMessage, at: MessagePlace) => Promise<void>,
  ) {
    this.#run = run;
    this.#lateMs = lateMs;
    this.#tell = tell;
    for (const host of run.log.rollout.begunHosts(run.position.told)) this.#begunHosts.add(host);
    this.#outcomes = run.position.hosts.map((host) =>
      host.kind === "ended" ? host.outcome : undefined,
    );
  }

  /** The messages of a rollout besides those of its hosts, until it has ended. */
  async tellBatches(signal: AbortSignal): Promise<void> {
    const { log, position } = this.#run;
    try {
      for await (const message of log.rollout.told(position.told, signal)) {
        if (message.event === "batch-end") await this.#whenEnded(signal);
        await this.#tell(message, { told: position.told + 1 });
        if (message.event !== "batch") continue;
        for (const host of message.hosts) this.#begunHosts.add(host);
        this.#batchTold.resolve();
        this.#batchTold = Promise.withResolvers();
      }
    } finally {
      this.#batchesAreTold = true;
      this.#batchTold.resolve();
    }
  }

  /** A batch is reported before its hosts, unless its record is late. */
  async #whenBegun(host: string): Promise<void> {
    const begun = async () => {
      while (!this.#begunHosts.has(host) && !this.#batchesAreTold) await this.#batchTold.promise;
    };
    await within(this.#lateMs, begun(), () => this.#begunHosts.add(host));
  }

  /** The ends of a batch's hosts are reported before the end of the batch, unless an agent is late. */
  async #whenEnded(signal: AbortSignal): Promise<void> {
    const { hosts } = this.#run.log.report;
    const isOpen = (host: string, place: number) =>
      this.#begunHosts.has(host) && this.#outcomes[place] === undefined;
    const ended = async () => {
      while (hosts.some(isOpen) && !signal.aborted) await this.#hostTold.promise;
    };
    await within(this.#lateMs, ended(), () => undefined);
  }

  /** The positions of the hosts about which more will be reported. */
  get left(): number[] {
    return this.#outcomes.flatMap((outcome, place) => (outcome === undefined ? [place] : []));
  }

  async follow(place: number, signal: AbortSignal): Promise<void> {
    const { log, position } = this.#run;
    const host = log.report.hosts[place] ?? "";
    const before = position.hosts[place];
    const from = before?.kind === "begun" ? before.next : undefined;
    const dropped = { stdout: 0, stderr: 0 };
    let end: RunEnding | undefined;
    const hear = async (_: string, event: RunEvent) => {
      if (event.kind === "dropped") dropped[event.stream] += event.bytes;
      if (event.kind === "end") end = event.end;
      // An earlier stream has reported it.
      if (event.kind === "begin" && from !== undefined) return;
      if (log.rollout.isRollout && !this.#begunHosts.has(host)) await this.#whenBegun(host);
      for (const message of this.#messages.hear(host, event)) {
        await this.#tell(message, { host: place });
      }
    };
    const gap = await log.read(host, { from, follow: true, signal }, hear);
    if (signal.aborted) return;
    const result =
      end === undefined
        ? (log.notStarted(host) ?? this.#unended(place, gap))
        : endedResult(log.report, host, end, dropped);
    for (const message of this.#messages.end(result)) await this.#tell(message, { host: place });
    this.#outcomes[place] = outcomeOfResult(result);
    this.#hostTold.resolve();
    this.#hostTold = Promise.withResolvers();
    if (end === undefined && gap?.isLast !== true && !isOver(result)) this.#mayGoOn = true;
    const ended = parseIso(result.ended ?? "");
    if (ended !== undefined && ended > (this.#lastEnd ?? 0)) this.#lastEnd = ended;
  }

  /** For a host whose end could not be learned. */
  #unended(place: number, gap: Gap | undefined): RunResult {
    const { report } = this.#run.log;
    const host = report.hosts[place] ?? "";
    const begun = this.#run.position.hosts[place]?.kind === "begun";
    const recorded = report.results.find((result) => result.host === host);
    // It has waited for its batch; it may have been asked by now.
    const known = recorded?.state === "queued" ? "unknown" : recorded?.state;
    const state = begun ? "running" : (known ?? "unknown");
    return withoutResult(report, host, "", runEnd(state, gap?.why ?? recorded?.error));
  }

  /** Sends the summary if all hosts were reported. */
  async closeIfTold(now: Date): Promise<void> {
    const outcomes = this.#outcomes.flatMap((outcome) => outcome ?? []);
    const isOver = outcomes.length === this.#outcomes.length && this.#batchesAreTold;
    if (!isOver || this.#isTold) return;
    const { report, rollout } = this.#run.log;
    const { reqid, started, completed } = report;
    const ended = this.#lastEnd ?? parseIso(completed ?? "") ?? now;
    const ms = ended.getTime() - (parseIso(started) ?? ended).getTime();
    const summary = { ...summaryOf(reqid, outcomes, Math.max(0, ms)), ...rollout.end };
    this.#isTold = true;
    await this.#tell(summary, { isLast: !this.#mayGoOn });
  }

  /** Records what was learned about its end. */
  async learn(): Promise<void> {
    await this.#run.log.learn();
  }
}

function isOver({ state }: RunResult): boolean {
  return !goesOn(state) && state !== "unknown";
}
