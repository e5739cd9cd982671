/** One host's block (PROTOCOL section 5). */
import { type LongText, wholeText } from "../../core/json-pieces.ts";
import type { RunResult } from "../../core/results.ts";
import { runFailed } from "../../core/results.ts";
import { forOneLine, forTerminal, inPieces } from "../../core/text.ts";
import { formatBytes } from "../../core/units.ts";
import type { Io } from "../io.ts";
import { paint } from "./colour.ts";

const INDENT = "    ";

/**
 * The header, the errors, stdout as it came, then stderr behind its marker. A pipe gets the bytes
 * unchanged; a terminal never gets control characters of another host (T29).
 */
export function renderRunResult(io: Io, result: RunResult): void {
  const failed = runFailed(result);
  const word = failed ? paint(io, "red", "FAIL") : paint(io, "green", "OK");
  const { exit } = result;
  const [host, rtt, reqid] = [result.host, result.rtt, result.reqid].map(forOneLine);
  const lines = [
    `==> ${host}  [${word}  exit:${exit}  ${rtt}  req:${reqid}]\n`,
    ...notes(result).map((note) => `${INDENT}${forOneLine(note)}\n`),
  ];
  io.out(lines.join(""));
  if (result.stdout_b64 === undefined) writeText(io, wholeText(result.stdout));
  else writeStream(io, bytesOf("", result.stdout_b64), "");
  writeStream(io, bytesOf(result.stderr, result.stderr_b64), `${INDENT}STDERR: `);
}

function notes(result: RunResult): string[] {
  const found: string[] = [];
  if (result.error !== undefined) found.push(`ERROR: ${result.error}`);
  if (result.signal !== undefined) found.push(`ERROR: killed by ${result.signal}`);
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

/** In pieces: much output would otherwise be held a second and a third time as bytes. */
function writeText(io: Io, text: string): void {
  for (const piece of inPieces(text)) io.out(io.outIsTerminal ? forTerminal(piece) : piece);
  if (text !== "" && !text.endsWith("\n")) io.out("\n");
}

const NEWLINE = 10;

/** Every line behind the prefix; a last line without its newline gets one. */
function writeStream(io: Io, bytes: Buffer, prefix: string): void {
  if (bytes.length === 0) return;
  if (io.outIsTerminal) {
    const text = forTerminal(bytes.toString("utf8"));
    io.out(prefixed(Buffer.from(text, "utf8"), prefix));
  } else {
    io.out(prefixed(bytes, prefix));
  }
}

function prefixed(bytes: Buffer, prefix: string): Buffer {
  const ended = bytes.at(-1) === NEWLINE ? bytes : Buffer.concat([bytes, Buffer.from([NEWLINE])]);
  if (prefix === "") return ended;
  const parts: Buffer[] = [];
  const mark = Buffer.from(prefix, "utf8");
  for (let start = 0; start < ended.length; ) {
    const end = ended.indexOf(NEWLINE, start) + 1;
    parts.push(mark, ended.subarray(start, end));
    start = end;
  }
  return Buffer.concat(parts);
}
