/** `--json-stream`: one line of JSON for each event of a run (docs/PROTOCOL.md, section 5). */
import { OUTPUT_STREAMS, type OutputStream, type RunEvent } from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";
import { decodeText, inPieces } from "../../core/text.ts";
import { bytesOf } from "../../core/wire/base64.ts";
import { type LongText, textParts } from "../../core/wire/json-pieces.ts";
import type { Io } from "../command/io.ts";
import { writeJson } from "./json.ts";
import { countOutcomes } from "./run-outcome.ts";

export class JsonStream {
  readonly #io: Io;
  /** The hosts of which something was heard before their result. */
  readonly #hosts = new Map<string, Readonly<Record<OutputStream, Characters>>>();

  constructor(io: Io) {
    this.#io = io;
  }

  hear(host: string, event: RunEvent): void {
    if (event.kind === "begin") {
      const { reqid, script, started } = event;
      this.#write({ event: "start", host, reqid, script, started });
      this.#streamsOf(host);
    } else if (event.kind === "output") {
      this.#streamsOf(host)[event.stream].take(event.offset, event.bytes);
    }
  }

  show(result: RunResult): void {
    const { host, stdout, stderr, stdout_b64, stderr_b64, ...rest } = result;
    // Nothing was heard of it, so that its output comes with its result.
    if (!this.#hosts.has(host)) {
      this.#replay(host, "stdout", stdout, stdout_b64);
      this.#replay(host, "stderr", stderr, stderr_b64);
    }
    for (const stream of OUTPUT_STREAMS) this.#hosts.get(host)?.[stream].end();
    this.#hosts.delete(host);
    this.#write({ event: "end", host, ...rest });
  }

  /** @param ms how long the run took */
  close(reqid: string, results: readonly RunResult[], recorded: boolean, ms: number): void {
    const outcomes = Object.fromEntries(countOutcomes(results));
    const took = `${Math.round(ms)}ms`;
    this.#write({ event: "summary", reqid, hosts: results.length, outcomes, took, recorded });
  }

  #streamsOf(host: string): Readonly<Record<OutputStream, Characters>> {
    const known = this.#hosts.get(host);
    if (known !== undefined) return known;
    const characters = (stream: OutputStream) =>
      new Characters((offset, bytes) => {
        const { text, exact } = decodeText(bytes);
        const data = exact ? { data: text } : { data_b64: Buffer.from(bytes).toString("base64") };
        this.#write({ event: stream, host, stream, offset, ...data });
      });
    const streams = { stdout: characters("stdout"), stderr: characters("stderr") };
    this.#hosts.set(host, streams);
    return streams;
  }

  #replay(
    host: string,
    stream: OutputStream,
    text: string | LongText,
    base64: string | LongText | undefined,
  ): void {
    const characters = this.#streamsOf(host)[stream];
    let offset = 0;
    for (const piece of base64 === undefined ? bytesOfText(text) : bytesOf(pieces(base64))) {
      characters.take(offset, piece);
      offset += piece.length;
    }
  }

  #write(line: object): void {
    writeJson(this.#io, line);
  }
}

function* pieces(text: string | LongText): Generator<string> {
  for (const part of textParts(text)) yield* inPieces(part);
}

function* bytesOfText(text: string | LongText): Generator<Buffer> {
  for (const piece of pieces(text)) yield Buffer.from(piece, "utf8");
}

const NOTHING = new Uint8Array();

/** Bytes of a stream in pieces that tear no character: a cut one is no reason for base64. */
class Characters {
  readonly #give: (offset: number, bytes: Uint8Array) => void;
  /** The beginning of a character, a copy. */
  #held: Uint8Array = NOTHING;
  /** Where in the stream it begins. */
  #offset = 0;

  constructor(give: (offset: number, bytes: Uint8Array) => void) {
    this.#give = give;
  }

  take(offset: number, bytes: Uint8Array): void {
    // Behind a gap nothing goes on.
    if (offset !== this.#offset + this.#held.length) this.end();
    const start = offset - this.#held.length;
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const whole = all.length - cutCharacter(all);
    this.#held = all.slice(whole);
    this.#offset = start + whole;
    if (whole > 0) this.#give(start, all.subarray(0, whole));
  }

  /** What is left is no character. */
  end(): void {
    if (this.#held.length > 0) this.#give(this.#offset, this.#held);
    this.#held = NOTHING;
  }
}

/** How many bytes at the end may be the beginning of a character of UTF-8: none to three. */
function cutCharacter(bytes: Uint8Array): number {
  for (let length = 1; length <= 3; length++) {
    const byte = bytes.at(-length) ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) return length < lengthOf(byte) ? length : 0;
  }
  return 0;
}

/** Of a character that begins with the byte; 0 if none does. */
function lengthOf(byte: number): number {
  if (byte > 0xf4) return 0;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}
