/** Several hosts' output as it comes: whole lines, each after its host's name. */
import { OUTPUT_STREAMS, type OutputStream } from "../../core/run-event.ts";
import { forOneLine } from "../../core/text.ts";
import type { Io } from "../command/io.ts";
import type { LiveOutput } from "./live-output.ts";
import { type ScriptStream, scriptStreams } from "./script-stream.ts";
import { RESET } from "./terminal-filter.ts";

/** A longer line is shown in lines of this many characters: its newline may never come (T72). */
const MAX_LINE = 16_384;

const ESCAPE = "\u001b";
/** No colour that is passed on is longer. */
const MAX_COLOUR = 70;

/** Parameters that reset all colours, and nothing else. */
const RESETS = /^[0;]*$/;
/** Parameters that reset them first, so that no earlier colour counts. */
const BEGINS_ANEW = /^0*(?:;|$)/;

/** How many characters of colours are remembered for the next line. */
const MAX_COLOURS = 256;

/** @param names of hosts, for the width of their column */
export function liveLines(io: Io, names: readonly string[]): LiveOutput {
  let width = Math.max(0, ...names.map((name) => Bun.stringWidth(forOneLine(name))));
  const hosts = new Map<string, Readonly<Record<OutputStream, Lines>>>();

  function begin(host: string): Readonly<Record<OutputStream, Lines>> {
    const name = forOneLine(host);
    const own = Bun.stringWidth(name);
    width = Math.max(width, own);
    const mark = `${name}${" ".repeat(width - own)} | `;
    const { stdout, stderr } = scriptStreams(io);
    const lines = { stdout: new Lines(mark, stdout), stderr: new Lines(mark, stderr) };
    hosts.set(host, lines);
    return lines;
  }

  return {
    show: (host, stream, bytes) => (hosts.get(host) ?? begin(host))[stream].take(bytes),
    end(host) {
      for (const stream of OUTPUT_STREAMS) hosts.get(host)?.[stream].end();
      hosts.delete(host);
    },
  };
}

/**
 * The lines of one stream of one host, as texts: if the output is not for a terminal, each character is one byte, so
 * that bytes which are not UTF-8 pass unchanged.
 */
class Lines {
  readonly #mark: string;
  readonly #stream: ScriptStream;
  /** The line that has not ended. */
  #held = "";
  /** The colours with which it begins: the previous line was reset, so that no other host's line has them. */
  #colours = "";

  constructor(mark: string, stream: ScriptStream) {
    this.#stream = stream;
    // Even for a pipe, its bytes are those of UTF-8.
    this.#mark = stream.filter === undefined ? Buffer.from(mark).toString("latin1") : mark;
  }

  /** Lines that end here are written at once, so that no lines of another stream come between them. */
  take(bytes: Uint8Array): void {
    const { filter } = this.#stream;
    const text = this.#held + (filter?.take(bytes) ?? latin1(bytes));
    const lines = text.split("\n").flatMap(cutLine);
    this.#held = lines.pop() ?? "";
    this.#write(lines);
  }

  /** Completes a line without its newline. */
  end(): void {
    const rest = this.#held + (this.#stream.filter?.end() ?? "");
    this.#held = "";
    if (rest !== "" && rest !== RESET) this.#write([rest]);
  }

  #write(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const text = lines.map((line) => `${this.#mark}${this.#coloured(line)}\n`).join("");
    const { filter, write } = this.#stream;
    write(filter === undefined ? Buffer.from(text, "latin1") : text);
  }

  #coloured(line: string): string {
    if (this.#stream.filter === undefined) return line;
    const before = this.#colours;
    this.#colours = coloursBehind(before, line);
    return before + line + (this.#colours === "" ? "" : RESET);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

/** In parts of a length that may be held; no character and no colour is split. */
function cutLine(line: string): string[] {
  const parts: string[] = [];
  let start = 0;
  while (line.length - start > MAX_LINE) {
    const end = cutBefore(line, start + MAX_LINE);
    parts.push(line.slice(start, end));
    start = end;
  }
  parts.push(line.slice(start));
  return parts;
}

function cutBefore(line: string, end: number): number {
  const at = line.lastIndexOf(ESCAPE, end - 1);
  if (end - at < MAX_COLOUR && line.indexOf("m", at) >= end) return at;
  // If a UTF-8 character is held as bytes, up to three bytes follow the first.
  for (let start = end; end - start < 4; start--) {
    if (!continuesCharacter(line.charCodeAt(start))) return start;
  }
  return end;
}

/** The second half of a pair, or a byte that only continues a character. */
function continuesCharacter(code: number): boolean {
  return (code >= 0xdc00 && code <= 0xdfff) || (code >= 0x80 && code < 0xc0);
}

/** The colours in effect after a text that a filter has passed. @param before those with which it begins */
function coloursBehind(before: string, text: string): string {
  let colours = before;
  for (const part of text.split(ESCAPE).slice(1)) {
    const [sequence = "", parameters = ""] = /^\[([\d;:]*)m/.exec(part) ?? [];
    const colour = ESCAPE + sequence;
    if (RESETS.test(parameters)) colours = "";
    else if (BEGINS_ANEW.test(parameters)) colours = colour;
    else colours += colour;
    if (colours.length > MAX_COLOURS) colours = colour;
  }
  return colours;
}
