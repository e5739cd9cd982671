/** The block that a run shows for each host (docs/PROTOCOL.md, section 5). */

import type { OwnSetting } from "../../core/config/controller-config.ts";
import { withNextStep } from "../../core/refusal-steps.ts";
import type { RunResult } from "../../core/run-result.ts";
import { runFailed } from "../../core/run-result.ts";
import { goesOn, type RunState } from "../../core/run-state.ts";
import { forOneLine, inPieces } from "../../core/text.ts";
import { formatBytes } from "../../core/units.ts";
import { type LongText, wholeText } from "../../core/wire/json-pieces.ts";
import type { Io } from "../command/io.ts";
import { paint } from "./colour.ts";
import { TerminalFilter } from "./terminal-filter.ts";

const INDENT = "    ";

/** If there is no such line, the script has ended. */
const STATES: Readonly<Record<Exclude<RunState, "ended">, string>> = {
  queued: "queued",
  running: "running",
  lost: "lost: it ran there, and how it ended is not known",
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
  readonly #coloured: boolean;
  /** The last output did not end in a newline. */
  #inLine = false;

  /** @param coloured whether colours in the output pass on a terminal */
  constructor(io: Io, own: OwnSetting, coloured = false) {
    this.#io = io;
    this.#own = own;
    this.#coloured = coloured;
  }

  /** For a host whose output has been shown: the header and the errors. */
  showEnd({ stdout_b64, stderr_b64, ...result }: RunResult): void {
    this.show({ ...result, stdout: "", stderr: "" });
  }

  show(result: RunResult): void {
    this.#endLine();
    this.#io.out([header(this.#io, result), ...notes(result, this.#own).map(noteLine)].join(""));
    if (result.stdout_b64 === undefined) this.#writeText(wholeText(result.stdout));
    else this.#writeBytes(bytesOf("", result.stdout_b64));
    this.#writeMarked(bytesOf(result.stderr, result.stderr_b64), `${INDENT}STDERR: `);
    if (this.#io.outIsTerminal) this.#endLine();
  }

  /** In pieces: otherwise a large output would be held a second and a third time as bytes. */
  #writeText(text: string): void {
    this.#write(inPieces(text));
    if (text !== "") this.#inLine = !text.endsWith("\n");
  }

  #writeBytes(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#write([bytes]);
    this.#inLine = bytes.at(-1) !== NEWLINE;
  }

  #write(pieces: Iterable<string | Uint8Array>): void {
    const filter = this.#io.outIsTerminal ? new TerminalFilter(this.#coloured) : undefined;
    for (const piece of pieces) this.#io.out(filter?.take(Buffer.from(piece as string)) ?? piece);
    this.#io.out(filter?.end() ?? "");
  }

  #writeMarked(bytes: Buffer, mark: string): void {
    if (bytes.length > 0) this.#endLine();
    this.#writeBytes(marked(bytes, mark));
  }

  #endLine(): void {
    if (this.#inLine) this.#io.out("\n");
    this.#inLine = false;
  }
}

function header(io: Io, result: RunResult): string {
  const { rtt, reqid, state, error, started } = result;
  const columns =
    goesOn(state) && error === undefined
      ? [
          state.toUpperCase(),
          ...(started === undefined ? [] : [`since:${started}`]),
          `req:${reqid}`,
        ]
      : // If ctrl-exec was stopped, no time was measured.
        [wordOf(io, result), `exit:${result.exit}`, ...(rtt === "" ? [] : [rtt]), `req:${reqid}`];
  const [word = ""] = columns;
  const [host = "", ...shown] = [result.host, ...columns.slice(1)].map(forOneLine);
  return `==> ${host}  [${[word, ...shown].join("  ")}]\n`;
}

function wordOf(io: Io, result: RunResult): string {
  return runFailed(result) ? paint(io, "red", "FAIL") : paint(io, "green", "OK");
}

function noteLine(note: string): string {
  return `${INDENT}${forOneLine(note)}\n`;
}

function notes(result: RunResult, own: OwnSetting): string[] {
  const found: string[] = [];
  if (result.error !== undefined) found.push(`ERROR: ${withNextStep(result.error, own)}`);
  if (result.signal !== undefined) found.push(`ERROR: killed by ${result.signal}`);
  const inHeader = goesOn(result.state) && result.error === undefined;
  if (result.state !== "ended" && !inHeader) found.push(`STATE: ${STATES[result.state]}`);
  if (result.stdout_dropped)
    found.push(`CUT: ${formatBytes(result.stdout_dropped)} of stdout dropped`);
  if (result.stderr_dropped)
    found.push(`CUT: ${formatBytes(result.stderr_dropped)} of stderr dropped`);
  return found;
}

function bytesOf(text: string | LongText, base64: string | LongText | undefined): Buffer {
  return base64 === undefined
    ? Buffer.from(wholeText(text), "utf8")
    : Buffer.from(wholeText(base64), "base64");
}

const NEWLINE = 10;

/** Puts the mark before every line. */
function marked(bytes: Buffer, mark: string): Buffer {
  const prefix = Buffer.from(mark, "utf8");
  const parts: Buffer[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline + 1;
    parts.push(prefix, bytes.subarray(start, end));
    start = end;
  }
  return Buffer.concat(parts);
}
