/** What is shown of a run while it goes on, and when it has ended: a view for each way to ask for it. */
import type { RunReport } from "../../controller/runs/run.ts";
import type { OwnSetting } from "../../core/config/controller-config.ts";
import type { OutputStream, RunEvent } from "../../core/run-event.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { screenLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import { writeJson } from "./json.ts";
import { JsonStream } from "./json-stream.ts";
import { liveLines } from "./live-lines.ts";
import { type LiveOutput, wholeOutput } from "./live-output.ts";
import { Progress } from "./progress.ts";
import { hasLongOutput, RunBlocks } from "./run-result.ts";
import { runSummary } from "./run-summary.ts";
import { wayBack } from "./way-back.ts";

export interface RunView {
  /** Before anything is shown; undefined if the id is said at the end alone. */
  readonly begin?: (reqid: string) => void;
  /** Undefined if hosts are shown only when they have ended. */
  readonly hear?: (host: string, event: RunEvent) => void;
  /** Called once for each host. */
  show(result: RunResult): void;
  /** Says on stderr what somebody who watches should know. */
  note(text: string): void;
  /** When every host was shown. @param ms how long the run took */
  close(report: RunReport, ms: number): Promise<void> | void;
  /** In any case, at last. */
  end(): void;
}

/** Before it is known who is asked. */
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
}

/** With more hosts, lines of all of them are more than anybody can read. */
const MAX_LIVE_HOSTS = 5;

/** @param labels the hosts as they are named in the results */
export function runView(
  io: Io,
  own: OwnSetting,
  labels: readonly string[],
  options: ViewOptions,
): RunView {
  const total = labels.length;
  if (options.json) return jsonView(io, own, total);
  if (options["json-stream"]) return jsonStreamView(io, own, total);
  if (options["no-live"] || !(options.live || io.outIsTerminal)) return blocksView(io, own, total);
  if (total === 1) return liveView(io, own, 1, wholeOutput(io));
  return options.live || total <= MAX_LIVE_HOSTS
    ? liveView(io, own, total, liveLines(io, labels))
    : failuresView(io, own, labels);
}

function jsonView(io: Io, own: OwnSetting, total: number): RunView {
  const progress = new Progress(io, total);
  return {
    show: () => progress.step(() => undefined),
    note: forAPerson(io, progress),
    close: ({ reqid, results, recorded }) => {
      const hint = wayBack(reqid, results, own, recorded);
      writeJson(io, { ok: 1, results, ...(hint === undefined ? {} : { hint }) });
    },
    end: () => progress.end(),
  };
}

function jsonStreamView(io: Io, own: OwnSetting, total: number): RunView {
  const progress = new Progress(io, total);
  const stream = new JsonStream(io);
  return {
    hear: (host, event) => progress.during(() => stream.hear(host, event)),
    show: (result) => progress.step(() => stream.show(result)),
    note: (text) => progress.during(() => io.err(text)),
    close: (report, ms) => {
      const { reqid, results, recorded } = report;
      stream.close(report, ms, wayBack(reqid, results, own, recorded));
    },
    end: () => progress.end(),
  };
}

/** A block for each host as it answers: what a pipe gets, and what 1.0 showed everywhere. */
function blocksView(io: Io, own: OwnSetting, total: number): RunView {
  const progress = new Progress(io, total);
  const blocks = new RunBlocks(io, own);
  return {
    show: (result) => progress.step(() => blocks.show(result)),
    note: forAPerson(io, progress),
    close: () => undefined,
    end: () => progress.end(),
  };
}

/** Output as it comes; each host's header when it has ended. */
function liveView(io: Io, own: OwnSetting, total: number, output: LiveOutput): RunView {
  const progress = new Progress(io, total);
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
      progress.step(() => {
        output.end(host);
        if (begun.has(host)) blocks.showEnd(result);
        else blocks.show(result);
      });
      if (state === "ended" && !begun.has(host)) io.err(notLive(host));
    },
    note: (text) => progress.during(() => io.err(text)),
    close: ({ reqid, results }, ms) => {
      if (total > 1) io.err(runSummary(reqid, results, ms));
    },
    end: () => progress.end(),
  };
}

/** Where nothing is shown before the end, stderr is as it was in 1.0 unless a person sees it. */
function forAPerson(io: Io, progress: Progress): (text: string) => void {
  return (text) => {
    if (io.errIsTerminal) progress.during(() => io.err(text));
  };
}

/** For another terminal: status, logs and cancel take it while the run goes on. */
function sayId(io: Io, reqid: string): void {
  if (io.errIsTerminal) io.err(`Run ${reqid}\n`);
}

/** Said once for each stream: how much it was is said at the end. */
function outputDropped(host: string, stream: OutputStream): string {
  return screenLine`ctrl-exec: ${host} prints more than its agent keeps: the rest of ${stream} is dropped\n`;
}

/** For a host that has answered like 1.0. */
function notLive(host: string): string {
  return screenLine`ctrl-exec: ${host} shows output only when the script has ended: its agent is older than 1.1, or cannot write to its state folder\n`;
}

/** Of many hosts: failures at once, and successes when all have ended. */
function failuresView(io: Io, own: OwnSetting, labels: readonly string[]): RunView {
  const waiting = new Set(labels);
  const failed = new Set<string>();
  const blocks = new RunBlocks(io, own, true);
  // Hosts are asked in the order in which they were given, so the first have taken longest.
  const slowest = () => [...waiting].slice(0, SHOWN_SLOWEST);
  const progress = new Progress(io, labels.length, () => {
    return { failed: failed.size, waitingFor: slowest() };
  });
  /** A long failure is being shown. */
  let showing: Promise<void> | undefined;
  return {
    begin: (reqid) => sayId(io, reqid),
    hear: () => undefined,
    show(result) {
      waiting.delete(result.host);
      progress.step(() => {
        if (!runFailed(result)) return;
        failed.add(result.host);
        if (showing === undefined && !hasLongOutput(result)) {
          blocks.show(result);
          return;
        }
        showing = (showing ?? Promise.resolve()).then(() => blocks.showAll(result));
        // Whoever has stopped reading is told of at the end.
        showing.catch(() => undefined);
      });
    },
    note: (text) => progress.during(() => io.err(text)),
    async close({ reqid, results }, ms) {
      if (showing !== undefined) await showing;
      for (const result of results) {
        if (failed.has(result.host)) continue;
        if (hasLongOutput(result)) await blocks.showAll(result);
        else blocks.show(result);
      }
      io.err(runSummary(reqid, results, ms));
    },
    end: () => progress.end(),
  };
}

/** More would not fit in a line. */
const SHOWN_SLOWEST = 5;
