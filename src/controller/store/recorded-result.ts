/**
 * A result as its record has it (docs/PROTOCOL.md, section 4): without the token, and for a long output with its
 * beginning and the name of the file that has all of it. `stdout_dropped` says what the record itself lacks, so that
 * it is also correct for a reader who does not know about the file.
 */
import { join } from "node:path";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { dropUndefined } from "../../core/json.ts";
import { outputBytes, outputLength } from "../../core/output-bytes.ts";
import { resultWithoutToken } from "../../core/redact.ts";
import { OUTPUT_STREAMS, type OutputStream } from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";
import { type LongText, wholeText } from "../../core/wire/json-pieces.ts";
import { INLINE_BYTES, OutputFile, outputName, outputSize } from "./output-file.ts";
import { paths } from "./paths.ts";
import type { HostOutput } from "./ports/runs.ts";

export type RecordedResult = RunResult & {
  readonly stdout_file?: string;
  readonly stderr_file?: string;
};

interface Run {
  readonly reqid: string;
  readonly hosts: readonly string[];
}

/** @param output receives the long outputs that are in memory */
export async function recordedResult(
  run: Run,
  result: RunResult,
  token: string,
  output: HostOutput,
): Promise<RecordedResult> {
  const long = OUTPUT_STREAMS.filter((stream) => isLong(result, stream));
  const moved = new Set<OutputStream>();
  for (const stream of long) {
    if (result[stream] instanceof OutputFile) continue;
    for (const bytes of outputBytes(result, stream)) await output.take(stream, bytes);
    moved.add(stream);
  }
  const kept = await output.end();
  let recorded: RecordedResult = resultWithoutToken(without(result, long), token);
  for (const stream of long) {
    const isMoved = moved.has(stream);
    const { [stream]: text, [`${stream}_b64` as const]: base64 } = isMoved ? kept : result;
    const lost = isMoved ? kept.lost[stream] : 0;
    const dropped = (result[`${stream}_dropped`] ?? 0) + lost;
    recorded = unrecorded(recorded, stream, lost);
    recorded =
      text instanceof OutputFile
        ? inFile(run, recorded, stream, text, base64 !== undefined, dropped)
        : withStream(recorded, stream, "", undefined, dropped);
  }
  return recorded;
}

function inFile(
  { reqid, hosts }: Run,
  result: RecordedResult,
  stream: OutputStream,
  file: OutputFile,
  isBase64: boolean,
  dropped: number,
): RecordedResult {
  const beginning = file.beginning();
  const base64 = isBase64 ? beginning.base64() : undefined;
  const lacking = file.bytes - beginning.bytes + dropped;
  const name = outputName(reqid, hosts.indexOf(result.host), stream);
  return { ...withStream(result, stream, beginning, base64, lacking), [`${stream}_file`]: name };
}

/** What is in files is not repeated in the record: nothing is lost. */
export function withoutBeginnings(result: RecordedResult): RecordedResult {
  const inFiles = OUTPUT_STREAMS.filter((stream) => result[`${stream}_file`] !== undefined);
  return inFiles.reduce(emptied, result);
}

/** The record itself has nothing of the stream; an empty base64 says that a file is not UTF-8. */
export function emptied(result: RecordedResult, stream: OutputStream): RecordedResult {
  const dropped = (result[`${stream}_dropped`] ?? 0) + inlineBytes(result, stream);
  const isInFile = result[`${stream}_file`] !== undefined;
  const isBase64 = result[`${stream}_b64`] !== undefined && isInFile;
  const bare = withStream(result, stream, "", isBase64 ? "" : undefined, dropped);
  return isInFile ? bare : unrecorded(bare, stream, inlineBytes(result, stream));
}

/** That many more bytes were here, and are not recorded. */
function unrecorded<Result extends RunResult>(
  result: Result,
  stream: OutputStream,
  bytes: number,
): Result {
  const name = `${stream}_unrecorded` as const;
  return bytes === 0 ? result : { ...result, [name]: (result[name] ?? 0) + bytes };
}

/** The result as it was before it was recorded: its long outputs are those files, as far as they exist. */
export function resultFromRecord(
  config: ControllerConfig,
  { reqid, hosts }: Run,
  { stdout_file, stderr_file, ...recorded }: RecordedResult,
): RunResult {
  let result: RunResult = recorded;
  const files = { stdout: stdout_file, stderr: stderr_file };
  for (const stream of OUTPUT_STREAMS) {
    if (files[stream] === undefined) continue;
    // Its name is known, whatever the record says (T17).
    const name = outputName(reqid, hosts.indexOf(result.host), stream);
    const path = join(paths(config).runs, name);
    const inline = inlineBytes(recorded, stream);
    const printed = inline + (recorded[`${stream}_dropped`] ?? 0);
    const size = Math.min(outputSize(path) ?? 0, printed);
    if (size <= inline) continue;
    const file = new OutputFile(path, size);
    const base64 = recorded[`${stream}_b64`] === undefined ? undefined : file.base64();
    result = withStream(result, stream, file, base64, printed - size);
  }
  return result;
}

function withStream<Result extends RunResult>(
  result: Result,
  stream: OutputStream,
  text: string | LongText,
  base64: string | LongText | undefined,
  dropped: number,
): Result {
  const changes = {
    [stream]: text,
    [`${stream}_b64`]: base64,
    [`${stream}_dropped`]: dropped || undefined,
  };
  return dropUndefined({ ...result, ...changes }) as Result;
}

/** Its outputs were here, and are not recorded. */
export function withoutOutputs(result: RunResult): RunResult {
  return OUTPUT_STREAMS.reduce((rest, stream) => {
    const bytes = outputLength(result, stream);
    const dropped = (rest[`${stream}_dropped`] ?? 0) + bytes;
    return unrecorded(withStream(rest, stream, "", undefined, dropped), stream, bytes);
  }, result);
}

/** It has nothing of these streams. */
function without(result: RunResult, streams: readonly OutputStream[]): RunResult {
  return streams.reduce(
    (rest, stream) => withStream(rest, stream, "", undefined, rest[`${stream}_dropped`] ?? 0),
    result,
  );
}

function isLong(result: RunResult, stream: OutputStream): boolean {
  const text = result[stream];
  const bytes = typeof text === "string" ? Buffer.byteLength(text) : text.bytes;
  return bytes === undefined || bytes > INLINE_BYTES;
}

/** Of an output in a record. */
function inlineBytes(recorded: RunResult, stream: OutputStream): number {
  const base64 = recorded[`${stream}_b64`];
  if (base64 !== undefined) return Buffer.byteLength(wholeText(base64), "base64");
  return Buffer.byteLength(wholeText(recorded[stream]));
}
