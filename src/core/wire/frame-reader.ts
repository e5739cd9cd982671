/**
 * Reads a run's stream of frames, from pieces of any size. Anything that is not a valid stream is refused (T61, T69).
 */
import type * as z from "zod/mini";
import { CtrlExecError } from "../errors.ts";
import { readJsonAs } from "../json.ts";
import { NO_OFFSETS, type OutputStream, type RunEvent, type StreamOffsets } from "../run-event.ts";
import { BytePieces } from "./byte-pieces.ts";
import { FRAME_HEAD_BYTES, type FrameType, isFrameType, MAX_FRAME_PAYLOAD } from "./frames.ts";
import { beginFrame, droppedFrame, endFrame } from "./messages/run-frames.ts";

interface Head {
  readonly type: FrameType;
  readonly offset: number;
  readonly length: number;
}

/** Up to here, a whole frame of output can still be counted. */
const MAX_OFFSET = Number.MAX_SAFE_INTEGER - MAX_FRAME_PAYLOAD;

export class FrameReader {
  readonly #next: Record<OutputStream, number>;
  /** Part of a head or of a JSON payload. Output is never held. */
  readonly #held = new BytePieces();
  #head: Head | undefined;
  /** Bytes of the frame's output that have arrived. */
  #arrived = 0;
  #begun = false;
  #ended = false;

  /** @param from where the stream continues, as requested */
  constructor(from = NO_OFFSETS) {
    this.#next = { ...from };
  }

  /** Where another stream can continue if this one breaks now. */
  get offsets(): StreamOffsets {
    return { ...this.#next };
  }

  /** Whether the first frame has come: the agent knows the run. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Whether the run's end has come: the stream is complete. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The events of the next piece; must be read to its end before the next call. Output is passed on as it
   * comes, as views of the piece: one frame may be several events.
   *
   * @throws CtrlExecError `protocol`; the caller puts the peer's name before it
   */
  *take(piece: Buffer): Generator<RunEvent, void> {
    let rest = piece;
    while (rest.length > 0) {
      if (this.#ended) throw wrong("bytes after the end of a run");
      if (this.#head === undefined) {
        rest = this.#hold(rest, FRAME_HEAD_BYTES);
        if (this.#held.length < FRAME_HEAD_BYTES) return;
        this.#head = this.#checked(readHead(this.#release()));
        if (this.#head.length > 0) continue;
      }
      const { type, offset, length } = this.#head;
      if (type === "O" || type === "E") {
        const bytes = rest.subarray(0, length - this.#arrived);
        rest = rest.subarray(bytes.length);
        yield this.#output(type === "O" ? "stdout" : "stderr", bytes, length);
      } else {
        rest = this.#hold(rest, length);
        if (this.#held.length < length) return;
        this.#head = undefined;
        yield this.#message(type, offset, this.#release());
      }
    }
  }

  /** Keeps bytes until this many are held. Returns the rest. */
  #hold(bytes: Buffer, wanted: number): Buffer {
    const missing = wanted - this.#held.length;
    this.#held.add(bytes.subarray(0, missing));
    return bytes.subarray(missing);
  }

  #release(): Buffer {
    const bytes = this.#held.joined();
    this.#held.keep(Buffer.alloc(0));
    return bytes;
  }

  #checked(head: Head): Head {
    const { type, offset, length } = head;
    if ((type === "B") === this.#begun) throw wrong("not one frame B, at the beginning");
    if (type === "O" || type === "E") {
      this.#expectOffset(type === "O" ? "stdout" : "stderr", offset);
      if (length === 0) throw wrong(`a frame ${type} without output`);
    } else if (type !== "D" && offset !== 0) {
      throw wrong(`a frame ${type} with an offset`);
    }
    if (type === "K" && length > 0) throw wrong("a frame K that is not empty");
    return head;
  }

  #expectOffset(stream: OutputStream, offset: number): void {
    const next = this.#next[stream];
    if (offset !== next) {
      throw wrong(`${stream} from byte ${offset} on, where byte ${next} comes next`);
    }
  }

  #output(stream: OutputStream, bytes: Buffer, length: number): RunEvent {
    const offset = this.#next[stream];
    this.#next[stream] += bytes.length;
    this.#arrived += bytes.length;
    if (this.#arrived === length) {
      this.#head = undefined;
      this.#arrived = 0;
    }
    return { kind: "output", stream, offset, bytes };
  }

  #message(type: Exclude<FrameType, "O" | "E">, offset: number, payload: Buffer): RunEvent {
    switch (type) {
      case "B": {
        const begin = parsed(beginFrame, type, payload);
        this.#begun = true;
        return { kind: "begin", ...begin };
      }
      case "D": {
        const { stream, bytes } = parsed(droppedFrame, type, payload);
        this.#expectOffset(stream, offset);
        this.#next[stream] += bytes;
        if (this.#next[stream] > MAX_OFFSET) throw wrong("more bytes than can be counted");
        return { kind: "dropped", stream, offset, bytes };
      }
      case "K":
        return { kind: "alive" };
      case "X": {
        const end = parsed(endFrame, type, payload);
        // Otherwise bytes are missing that no frame D names.
        this.#expectOffset("stdout", end.stdout_bytes);
        this.#expectOffset("stderr", end.stderr_bytes);
        this.#ended = true;
        return { kind: "end", end };
      }
    }
  }
}

function readHead(bytes: Buffer): Head {
  const type = bytes.toString("latin1", 0, 1);
  if (!isFrameType(type)) throw wrong("a frame of an unknown type");
  const offset = bytes.readBigUInt64BE(1);
  if (offset > MAX_OFFSET) throw wrong("more bytes than can be counted");
  const length = bytes.readUInt32BE(9);
  if (length > MAX_FRAME_PAYLOAD) throw wrong(`a frame of ${length} bytes`);
  return { type, offset: Number(offset), length };
}

function parsed<Schema extends z.ZodMiniType>(
  schema: Schema,
  type: FrameType,
  payload: Buffer,
): z.output<Schema> {
  const value = readJsonAs(schema, payload.toString("utf8"));
  if (value === undefined) throw wrong(`a frame ${type} with invalid content`);
  return value;
}

function wrong(what: string): CtrlExecError {
  return new CtrlExecError("protocol", `answered wrongly: its stream has ${what}`);
}
