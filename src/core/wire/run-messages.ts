/**
 * A run as programs see it, one JSON object for each event (docs/PROTOCOL.md, section 5): the lines of `run
 * --json-stream`, and the data of the API's event streams.
 */
import { isUtf8 } from "node:buffer";
import type { RolloutReport } from "../rollout.ts";
import { OUTPUT_STREAMS, type OutputStream, type RunEvent } from "../run-event.ts";
import { countOutcomes, type RunOutcome } from "../run-outcome.ts";
import type { RunResult } from "../run-result.ts";
import { cutCharacter, inPieces } from "../text.ts";
import { bytesOf } from "./base64.ts";
import { type LongText, textParts } from "./json-pieces.ts";

type HostResult = Omit<RunResult, "stdout" | "stderr" | "stdout_b64" | "stderr_b64">;

export type RunMessage =
  | StartMessage
  | OutputMessage
  | EndMessage
  | SummaryMessage
  | RolloutMessage;

/** The messages of a rollout besides those of its hosts. Batches are counted from 1. */
export type RolloutMessage =
  | {
      readonly event: "batch";
      readonly batch: number;
      readonly of: number;
      readonly hosts: readonly string[];
    }
  /** Every host of the batch has its result. */
  | {
      readonly event: "batch-end";
      readonly batch: number;
      readonly of: number;
      /** How many of its hosts have failed. */
      readonly failed: number;
    }
  /** The check of the batch has ended. */
  | {
      readonly event: "check";
      readonly batch: number;
      readonly script: string;
      /** The id of the check's own run. */
      readonly check: string;
      /** The hosts on which it failed. */
      readonly failed: readonly string[];
    }
  /** The batch waits until somebody continues the rollout. */
  | { readonly event: "paused"; readonly batch: number; readonly of: number; readonly by: string }
  | {
      readonly event: "continued";
      readonly batch: number;
      readonly of: number;
      /** Empty if that is not known. */
      readonly by: string;
    }
  /** Before its end. */
  | { readonly event: "stopped"; readonly reason: string; readonly not_started: number };

export interface StartMessage {
  readonly event: "start";
  readonly host: string;
  readonly reqid: string;
  readonly script: string;
  readonly started: string;
}

export interface OutputMessage {
  readonly event: OutputStream;
  readonly host: string;
  readonly stream: OutputStream;
  /** The offset of its first byte. */
  readonly offset: number;
  /** Valid until the next event, like the bytes of the event. */
  readonly bytes: Uint8Array;
  /** They are UTF-8. */
  readonly isText: boolean;
}

export type EndMessage = { readonly event: "end" } & HostResult;

export interface SummaryMessage {
  readonly event: "summary";
  readonly reqid: string;
  readonly hosts: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly took: string;
  readonly recorded?: boolean;
  readonly rollout?: RolloutReport;
  /** How to come back to the run, if it may still be under way. */
  readonly hint?: string;
}

/** The messages of one run, host by host. */
export class RunMessages {
  /** The hosts about which something was known before their result. */
  readonly #hosts = new Map<string, Readonly<Record<OutputStream, Characters>>>();

  *hear(host: string, event: RunEvent): Generator<StartMessage | OutputMessage> {
    if (event.kind === "begin") {
      const { reqid, script, started } = event;
      this.#streamsOf(host);
      yield { event: "start", host, reqid, script, started };
    } else if (event.kind === "output") {
      const { stream, offset, bytes } = event;
      yield* outputs(host, stream, this.#streamsOf(host)[stream].take(offset, bytes));
    }
  }

  *end(result: RunResult): Generator<OutputMessage | EndMessage> {
    const { stdout, stderr, stdout_b64, stderr_b64, ...rest } = result;
    const { host } = rest;
    // Nothing was known about it before, so its output comes with its result.
    if (!this.#hosts.has(host)) {
      yield* this.#replay(host, "stdout", stdout, stdout_b64);
      yield* this.#replay(host, "stderr", stderr, stderr_b64);
    }
    const streams = this.#streamsOf(host);
    for (const stream of OUTPUT_STREAMS) yield* outputs(host, stream, streams[stream].end());
    this.#hosts.delete(host);
    yield { event: "end", ...rest };
  }

  #streamsOf(host: string): Readonly<Record<OutputStream, Characters>> {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const streams = { stdout: new Characters(), stderr: new Characters() };
    this.#hosts.set(host, streams);
    return streams;
  }

  *#replay(
    host: string,
    stream: OutputStream,
    text: string | LongText,
    base64: string | LongText | undefined,
  ): Generator<OutputMessage> {
    const characters = this.#streamsOf(host)[stream];
    let offset = 0;
    for (const piece of base64 === undefined ? bytesOfText(text) : bytesOf(pieces(base64))) {
      yield* outputs(host, stream, characters.take(offset, piece));
      offset += piece.length;
    }
  }
}

/**
 * @param hosts how it went on each host
 * @param ms how long the run took
 */
export function summaryOf(reqid: string, hosts: readonly RunOutcome[], ms: number): SummaryMessage {
  const outcomes = Object.fromEntries(countOutcomes(hosts));
  const took = `${Math.round(ms)}ms`;
  return { event: "summary", reqid, hosts: hosts.length, outcomes, took };
}

/** Most binary bytes in one message. */
const MAX_BASE64 = 49_152;

function* outputs(
  host: string,
  stream: OutputStream,
  pieces: Iterable<Piece>,
): Generator<OutputMessage> {
  for (const { offset, bytes } of pieces) {
    const isText = isUtf8(bytes);
    const most = isText ? bytes.length : MAX_BASE64;
    for (let at = 0; at < bytes.length; at += most) {
      const some = bytes.subarray(at, at + most);
      yield { event: stream, host, stream, offset: offset + at, bytes: some, isText };
    }
  }
}

function* pieces(text: string | LongText): Generator<string> {
  for (const part of textParts(text)) yield* inPieces(part);
}

function* bytesOfText(text: string | LongText): Generator<Buffer> {
  for (const piece of pieces(text)) yield Buffer.from(piece, "utf8");
}

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array();

/**
 * Bytes of a stream in pieces that do not split a character: a split one is not a reason for base64. Some pieces are
 * empty.
 */
class Characters {
  /** The beginning of a character, as a copy. */
  #held: Uint8Array = NOTHING;
  /** Where in the stream it begins. */
  #offset = 0;

  *take(offset: number, bytes: Uint8Array): Generator<Piece> {
    // After a gap nothing continues.
    if (offset !== this.#offset + this.#held.length) yield* this.end();
    const start = offset - this.#held.length;
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const whole = all.length - cutCharacter(all);
    this.#held = new Uint8Array(all.subarray(whole));
    this.#offset = start + whole;
    yield { offset: start, bytes: all.subarray(0, whole) };
  }

  /** What is left is not a character. */
  *end(): Generator<Piece> {
    const left = this.#held;
    this.#held = NOTHING;
    yield { offset: this.#offset, bytes: left };
  }
}
