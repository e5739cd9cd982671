/** The block that a run shows for each host (docs/PROTOCOL.md, section 5). */

import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import { outputBytes } from "../../core/output-bytes.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import { OUTPUT_STREAMS, type OutputStream } from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";
import { runFailed } from "../../core/run-result.ts";
import { goesOn, type RunState } from "../../core/run-state.ts";
import { forOneLine } from "../../core/text.ts";
import { formatBytes } from "../../core/units.ts";
import { collecting } from "../../system/memory.ts";
import type { Io } from "../command/io.ts";
import { cancelledText } from "./cancelled.ts";
import { paint, takesColours } from "./colour.ts";
import { TerminalFilter } from "./terminal-filter.ts";

export const INDENT = "    ";

/** What else is shown of a result. */
export interface ShownMore {
  /**
   * A host where it is still running is RUNNING (or QUEUED) even if something is wrong. If false, such a host is
   * shown as in 1.0, with FAIL and exit:-1, which scripts look for in a pipe after `run`.
   */
  readonly running?: boolean;
  /** When it started and ended, in a line. */
  readonly times?: boolean;
}

/** If there is no such line, the script has ended. */
const STATES: Readonly<Record<Exclude<RunState, "ended" | "not-started">, string>> = {
  queued: "queued",
  running: "running",
  lost: "lost: it ran (or may have); its end cannot be known",
  "never-ran": "never-ran",
  unknown: "unknown: it may have run there, or still be running",
};

/**
 * The blocks of a run: the header, the errors, stdout unchanged, then stderr with its marker. A pipe gets the
 * bytes unchanged; a terminal never gets control characters from another host (T29), but colours if it may.
 *
 * A header and a marker always start a line, because tools look for them there. If the output before one does
 * not end in a newline, one is added; after the very last output, only a terminal gets one.
 */
export class RunBlocks {
  readonly #io: Io;
  readonly #own: OwnSetting;
  readonly #live: boolean;
  readonly #more: ShownMore;
  /** The last output did not end in a newline. */
  #inLine = false;

  /**
   * @param live as on a live screen: colours in the output pass, if a terminal takes them, and the words are those
   * of 1.1. What a pipe gets, and `--no-live` shows, stays as it was.
   */
  constructor(io: Io, own: OwnSetting, live = false, more: ShownMore = {}) {
    this.#io = io;
    this.#own = own;
    this.#live = live;
    this.#more = { running: live || io.outIsTerminal, ...more };
  }

  /** For a host whose output has been shown: the header and the errors. */
  showEnd({ stdout_b64, stderr_b64, ...result }: RunResult): void {
    this.show({ ...result, stdout: "", stderr: "" });
  }

  show(result: RunResult): void {
    for (const piece of this.#pieces(result)) this.#io.out(piece);
  }

  /** What others show from here on starts a new line. */
  endLine(): void {
    for (const piece of this.#endLine()) this.#io.out(piece);
  }

  /** Nothing else of it. */
  showHeader(result: RunResult): void {
    this.endLine();
    this.#io.out(headerOf(this.#io, result, this.#more));
  }

  /**
   * The same as it is read: a long output is never held whole.
   *
   * @param heading replaces the header and the errors: whole lines
   */
  async showAll(result: RunResult, heading?: string): Promise<void> {
    for (const piece of this.#pieces(result, heading)) {
      this.#io.out(piece);
      await this.#io.room();
    }
  }

  *#pieces(
    result: RunResult,
    heading = headerOf(this.#io, result, this.#more) +
      noteLines(result, this.#own, this.#live, this.#more),
  ): Generator<string | Uint8Array> {
    yield* this.#endLine();
    yield heading;
    yield* this.#output(outputBytes(result, "stdout"));
    yield* this.#output(marked(outputBytes(result, "stderr"), `${INDENT}STDERR: `), true);
    if (this.#io.outIsTerminal) yield* this.#endLine();
  }

  /** @param apart it starts a new line */
  *#output(pieces: Iterable<Uint8Array>, apart = false): Generator<string | Uint8Array> {
    const coloured = this.#live && takesColours(this.#io);
    const filter = this.#io.outIsTerminal ? new TerminalFilter(coloured) : undefined;
    let last: number | undefined;
    for (const piece of collecting(pieces)) {
      if (apart && last === undefined) yield* this.#endLine();
      last = piece.at(-1);
      if (filter === undefined) yield piece;
      else for (const part of inParts(piece)) yield filter.take(part);
    }
    yield filter?.end() ?? "";
    if (last !== undefined) this.#inLine = last !== NEWLINE;
  }

  *#endLine(): Generator<string> {
    if (this.#inLine) yield "\n";
    this.#inLine = false;
  }
}

function headerOf(io: Io, result: RunResult, more: ShownMore): string {
  return `==> ${forOneLine(result.host)}  [${headerColumns(io, result, more).join("  ")}]\n`;
}

/** What is in the brackets of a header: the word and the exit status first, the request id last. */
export function headerColumns(io: Io, result: RunResult, more: ShownMore): string[] {
  const { rtt, reqid, state, started } = result;
  if (state === "not-started") return ["NOT-STARTED", `req:${forOneLine(reqid)}`];
  const [word, ...columns] = isInHeader(result, more)
    ? [state.toUpperCase(), ...(started === undefined ? [] : [`since:${started}`]), `req:${reqid}`]
    : // If ctrl-exec was stopped, no time was measured.
      [wordOf(io, result), `exit:${result.exit}`, ...(rtt === "" ? [] : [rtt]), `req:${reqid}`];
  return [word, ...columns.map(forOneLine)];
}

/** The state of a script that is still running is the word in its header. */
function isInHeader({ state, error }: RunResult, { running = false }: ShownMore): boolean {
  return goesOn(state) && (running || error === undefined);
}

function wordOf(io: Io, result: RunResult): string {
  return runFailed(result) ? paint(io, "red", "FAIL") : paint(io, "green", "OK");
}

/** The lines below a header: what went wrong, and what is missing. */
export function noteLines(
  result: RunResult,
  own: OwnSetting,
  live: boolean,
  more: ShownMore,
): string {
  return notes(result, own, live, more).map(noteLine).join("");
}

/** @param note begins with its marker */
export function noteLine(note: string): string {
  return `${INDENT}${forOneLine(note)}\n`;
}

function notes(result: RunResult, own: OwnSetting, live: boolean, more: ShownMore): string[] {
  const found: string[] = [];
  const { error, script } = result;
  if (error !== undefined) found.push(`ERROR: ${withNextStep(error, own, script)}`);
  if (result.cancelled) found.push(cancelledNote(result));
  else if (result.signal !== undefined && !(live && result.timed_out))
    found.push(`ERROR: killed by ${result.signal}`);
  const { state } = result;
  if (state !== "ended" && state !== "not-started" && !isInHeader(result, more))
    found.push(`STATE: ${STATES[state]}`);
  for (const stream of OUTPUT_STREAMS) found.push(...cutNotes(result, stream, own));
  if (more.times && result.ended !== undefined) found.push(timesNote(result));
  return found;
}

/** What the agent has dropped is nowhere; what was not recorded may be with the agent. */
function cutNotes(result: RunResult, stream: OutputStream, own: OwnSetting): string[] {
  const unrecorded = result[`${stream}_unrecorded`] ?? 0;
  const dropped = (result[`${stream}_dropped`] ?? 0) - unrecorded;
  const { host, reqid } = result;
  const option = stream === "stdout" ? "" : " --stderr";
  const command = `ctrl-exec logs ${reqid} ${host}${option}${configArgument(own.file)}`;
  const cut = (bytes: number) => `CUT: ${formatBytes(bytes)} of ${stream}`;
  return [
    ...(dropped > 0 ? [`${cut(dropped)} dropped`] : []),
    ...(unrecorded > 0
      ? [`${cut(unrecorded)} not recorded. While its agent keeps it: ${command}`]
      : []),
  ];
}

function timesNote({ started, ended }: RunResult): string {
  return `TIME: ${started ? `started at ${started}, ` : ""}ended at ${ended}`;
}

/** A script that receives the signal may still end well. */
function cancelledNote(result: RunResult): string {
  const text = cancelledText(result);
  return runFailed(result) ? `ERROR: ${text}` : `STATE: ended, after it was ${text}`;
}

const NEWLINE = 10;

/** A filter makes several texts of its input. */
const PART_BYTES = 65_536;

function* inParts(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PART_BYTES) yield bytes.subarray(at, at + PART_BYTES);
}

/** Puts the mark before every line. */
function* marked(pieces: Iterable<Uint8Array>, mark: string): Generator<Uint8Array> {
  const prefix = Buffer.from(mark, "utf8");
  let begins = true;
  for (const bytes of pieces) {
    const parts: Uint8Array[] = [];
    for (let start = 0; start < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, start);
      const end = newline < 0 ? bytes.length : newline + 1;
      if (begins) parts.push(prefix);
      parts.push(bytes.subarray(start, end));
      begins = newline >= 0;
      start = end;
    }
    yield Buffer.concat(parts);
  }
}
