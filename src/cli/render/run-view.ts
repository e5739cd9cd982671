/** What is shown of a run while it goes on, and when it has ended: one view for each way to ask for it. */
import type { RolloutNews } from "../../controller/runs/rollout-news.ts";
import type { RunReport } from "../../controller/runs/run.ts";
import type { OwnSetting } from "../../core/config/controller-config.ts";
import type { OutputStream, RunEvent } from "../../core/run-event.ts";
import { outcomeOfResult } from "../../core/run-outcome.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { screenLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import { warned, writeJson } from "./json.ts";
import { JsonStream } from "./json-stream.ts";
import { liveLines } from "./live-lines.ts";
import { type LiveOutput, wholeOutput } from "./live-output.ts";
import { Progress } from "./progress.ts";
import { batchEndText, newsText } from "./rollout.ts";
import { RunBlocks } from "./run-result.ts";
import { runSummary } from "./run-summary.ts";
import {
  isChosen,
  isFolded,
  leftOut,
  MAX_UNFOLDED,
  type ShownAs,
  showLeft,
} from "./shown-results.ts";
import { wayBack } from "./way-back.ts";

export interface RunView {
  /** Before anything is shown; undefined if the id is shown only at the end. */
  readonly begin?: (reqid: string) => void;
  /** Undefined if hosts are shown only when they have ended. */
  readonly hear?: (host: string, event: RunEvent) => void;
  /** Called once for each host. */
  show(result: RunResult): void;
  /** Says on stderr what somebody who watches should know. */
  note(text: string): void;
  /** A batch of a rollout begins, or its check has ended. */
  tell?(news: RolloutNews): void;
  /** Nothing is drawn until the work is done, because a person is being asked. */
  aside?<Result>(work: () => Promise<Result>): Promise<Result>;
  /** When every host was shown. @param ms how long the run took */
  close(report: RunReport, ms: number): Promise<void> | void;
  /** Called in any case, at the end. */
  end(): void;
}

/** Before it is known which hosts are asked. */
export const NO_VIEW: RunView = {
  show: () => undefined,
  note: () => undefined,
  close: () => undefined,
  end: () => undefined,
};

export interface ViewOptions {
  readonly json: boolean;
  readonly "json-stream": boolean;
  readonly live: boolean;
  readonly "no-live": boolean;
  /** About the choice of the hosts. */
  readonly warnings?: readonly string[];
}

/** @param labels the hosts as they are named in the results */
export function runView(
  io: Io,
  own: OwnSetting,
  labels: readonly string[],
  options: ViewOptions,
  as: ShownAs,
): RunView {
  const { json, "json-stream": jsonStream, live, "no-live": noLive } = options;
  const total = labels.length;
  const progress = new Progress(io, total, labels);
  if (json) return jsonView(io, own, progress, options.warnings);
  if (jsonStream) return jsonStreamView(io, own, progress);
  if (isFolded(io, total, noLive || live ? { ...as, fold: false } : as)) {
    return foldedView(io, own, total, progress, as);
  }
  if (noLive) {
    const blocks = new RunBlocks(io, own, false, { running: false });
    return blocksView(io, own, blocks, progress, as, false);
  }
  const isLive = live || (io.outIsTerminal && total <= MAX_UNFOLDED && !as.quiet && !as.onlyFailed);
  if (!isLive) {
    // A person who wants to see less on a terminal is still told how it went.
    const isSummedUp = io.outIsTerminal && total > 1;
    const blocks = new RunBlocks(io, own);
    return { ...blocksView(io, own, blocks, progress, as, isSummedUp), ...heardOnTerminal(io) };
  }
  const output = total === 1 ? wholeOutput(io) : liveLines(io, labels);
  return liveView(io, own, total, progress, output, as);
}

function step(progress: Progress, result: RunResult, print: () => void): void {
  progress.step(print, { host: result.host, outcome: outcomeOfResult(result) });
}

function jsonView(
  io: Io,
  own: OwnSetting,
  progress: Progress,
  warnings: readonly string[] = [],
): RunView {
  return {
    show: (result) => step(progress, result, () => undefined),
    note: forAPerson(io, progress),
    ...ofRollout(io, own, progress),
    close: ({ reqid, results, recorded, rollout }) => {
      const hint = wayBack(reqid, results, own, recorded);
      const more = rollout === undefined ? {} : { reqid, rollout };
      const back = hint === undefined ? {} : { hint };
      writeJson(io, { ok: 1, results, ...more, ...back, ...warned(warnings) });
    },
    end: () => progress.end(),
  };
}

function jsonStreamView(io: Io, own: OwnSetting, progress: Progress): RunView {
  const stream = new JsonStream(io);
  return {
    hear: (host, event) => progress.during(() => stream.hear(host, event)),
    show: (result) => step(progress, result, () => stream.show(result)),
    note: (text) => progress.during(() => io.err(text)),
    ...ofRollout(io, own, progress, (news) => stream.tell(news)),
    close: (report, ms) => {
      const { reqid, results, recorded } = report;
      stream.close(report, ms, wayBack(reqid, results, own, recorded));
    },
    end: () => progress.end(),
  };
}

/**
 * A person waits for as long as a script runs, whatever is shown of it, and a pipe for no longer than read_timeout.
 * A listener also gets results whose long outputs are in files, and not in memory.
 */
function heardOnTerminal({ outIsTerminal }: Io): Pick<RunView, "hear"> {
  return outIsTerminal ? { hear: () => undefined } : {};
}

/** A block for each host as it answers: what a pipe gets, and what 1.0 showed everywhere. */
function blocksView(
  io: Io,
  own: OwnSetting,
  blocks: RunBlocks,
  progress: Progress,
  as: ShownAs,
  isSummedUp: boolean,
): RunView {
  return {
    show: (result) =>
      step(progress, result, () => {
        if (!isChosen(result, as) || result.state === "not-started") return;
        if (as.quiet) blocks.showHeader(result);
        else blocks.show(result);
      }),
    note: forAPerson(io, progress),
    ...ofRollout(io, own, progress),
    async close({ reqid, results }, ms) {
      await showLeft(io, own, blocks, results, as);
      io.err(leftOut(results, as) + (isSummedUp ? runSummary(io, reqid, results, ms) : ""));
    },
    end: () => progress.end(),
  };
}

/** Output as it comes; each host's header when it has ended. */
function liveView(
  io: Io,
  own: OwnSetting,
  total: number,
  progress: Progress,
  output: LiveOutput,
  as: ShownAs,
): RunView {
  const blocks = new RunBlocks(io, own, true);
  const begun = new Set<string>();
  const cut = new Set<string>();
  return {
    begin: (reqid) => sayId(io, reqid),
    hear(host, event) {
      if (event.kind === "begin") {
        begun.add(host);
      } else if (event.kind === "output") {
        // A line of one host may be half shown, and progress would be drawn over it.
        if (total === 1) progress.end();
        progress.during(() => output.show(host, event.stream, event.bytes));
      } else if (event.kind === "dropped") {
        const note = outputDropped(host, event.stream);
        progress.during(() => (cut.has(note) ? undefined : io.err(note)));
        cut.add(note);
      }
    },
    show(result) {
      const { host, state } = result;
      step(progress, result, () => {
        output.end(host);
        if (state === "not-started") return;
        if (begun.has(host)) blocks.showEnd(result);
        else blocks.show(result);
      });
      if (state === "ended" && !begun.has(host)) io.err(notLive(host));
    },
    note: (text) => progress.during(() => io.err(text)),
    ...ofRollout(io, own, progress),
    async close({ reqid, results }, ms) {
      await showLeft(io, own, blocks, results, as);
      if (total > 1) io.err(runSummary(io, reqid, results, ms));
    },
    end: () => progress.end(),
  };
}

/** What every view says about a rollout, even to a pipe: it changes nothing from 1.0. */
function ofRollout(
  io: Io,
  own: OwnSetting,
  progress: Progress,
  tell: (news: RolloutNews) => void = () => undefined,
): Pick<RunView, "tell" | "aside"> {
  return {
    tell: (news) => {
      if (news.event === "batch") progress.begin(news);
      if (news.event === "batch-end" || news.event === "continued") progress.doing("ended");
      if (news.event === "paused") progress.doing("paused");
      progress.during(() => {
        tell(news);
        io.err(newsText(news, own));
      });
    },
    aside: (work) => progress.aside(work),
  };
}

/** If nothing is shown before the end, stderr is as in 1.0 unless a person sees it. */
function forAPerson(io: Io, progress: Progress): (text: string) => void {
  return (text) => {
    if (io.errIsTerminal) progress.during(() => io.err(text));
  };
}

/** For another terminal: status, logs and cancel take it while the run goes on. */
function sayId(io: Io, reqid: string): void {
  if (io.errIsTerminal) io.err(`Run ${reqid}\n`);
}

/** Said once for each stream: how much was dropped is said at the end. */
function outputDropped(host: string, stream: OutputStream): string {
  return screenLine`ctrl-exec: ${host} prints more than its agent keeps: the rest of ${stream} is dropped\n`;
}

/** For a host that has answered like 1.0. */
function notLive(host: string): string {
  return screenLine`ctrl-exec: ${host} shows output only when the script has ended: its agent is older than 1.1, or cannot write to its state folder\n`;
}

/** How many failures are reported while others have not ended; all of them are shown then. */
const TOLD_FAILURES = 5;

/**
 * For many hosts: one block for all that are alike, when all have ended. Until then, which hosts failed first, and
 * why.
 */
function foldedView(
  io: Io,
  own: OwnSetting,
  total: number,
  progress: Progress,
  as: ShownAs,
): RunView {
  let left = total;
  let told = 0;
  let batchSize = 0;
  return {
    begin: (reqid) => sayId(io, reqid),
    ...heardOnTerminal(io),
    show(result) {
      left -= 1;
      // Hosts that were given up have no time.
      const isNews = runFailed(result) && result.rtt !== "" && left > 0 && io.errIsTerminal;
      if (isNews) told += 1;
      step(progress, result, () => {
        if (isNews && told <= TOLD_FAILURES) io.err(failureNote(result));
        else if (isNews && told === TOLD_FAILURES + 1) io.err(MORE_FAILURES);
      });
    },
    note: (text) => progress.during(() => io.err(text)),
    // Its blocks are shown at the end, and a person who is asked before the next batch must know how this one ended.
    ...ofRollout(io, own, progress, (news) => {
      if (news.event === "batch") batchSize = news.hosts.length;
      if (news.event === "batch-end") io.err(batchEndText(news, batchSize));
    }),
    async close({ reqid, results }, ms) {
      const chosen = results.filter((result) => isChosen(result, as));
      const { showFolded } = await import("./folded-blocks.ts");
      await showFolded(io, own, chosen, as);
      io.err(leftOut(results, as) + runSummary(io, reqid, results, ms));
    },
    end: () => progress.end(),
  };
}

const MORE_FAILURES = "More hosts have failed: all are shown at the end\n";

function failureNote(result: RunResult): string {
  const { host, exit, signal, error } = result;
  const why = error ?? (signal === undefined ? `exit:${exit}` : `killed by ${signal}`);
  return screenLine`${host} failed: ${why}\n`;
}
