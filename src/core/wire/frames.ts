/**
 * The frames of a run's stream (docs/PROTOCOL.md, section 9): one byte of type, eight of offset, four of
 * length, both unsigned and big-endian, then the payload.
 */
import type { OutputStream, RunEvent } from "../run-event.ts";

export const FRAMES_TYPE = "application/vnd.ctrl-exec.frames";

/** Type, offset, length. */
export const FRAME_HEAD_BYTES = 13;

/** Most bytes of one frame's payload. Longer output is several frames. */
export const MAX_FRAME_PAYLOAD = 65_536;

const FRAME_TYPES = ["B", "O", "E", "D", "K", "X"] as const;
export type FrameType = (typeof FRAME_TYPES)[number];

export function isFrameType(text: string): text is FrameType {
  return FRAME_TYPES.some((type) => type === text);
}

const OUTPUT_TYPES = { stdout: "O", stderr: "E" } as const satisfies Record<
  OutputStream,
  FrameType
>;

/**
 * The event as frames: heads and payloads alternately. The output's bytes are not copied.
 *
 * @throws RangeError if a JSON payload is too long; an `error` of MAX_ERROR_TEXT characters fits
 */
export function framePieces(event: RunEvent): Uint8Array[] {
  switch (event.kind) {
    case "begin": {
      const { reqid, script, started } = event;
      return jsonFrame("B", 0, { reqid, script, started });
    }
    case "output":
      return outputFrames(OUTPUT_TYPES[event.stream], event.offset, event.bytes);
    case "dropped":
      return jsonFrame("D", event.offset, { stream: event.stream, bytes: event.bytes });
    case "alive":
      return [frameHead("K", 0, 0)];
    case "end":
      return jsonFrame("X", 0, event.end);
  }
}

function outputFrames(type: FrameType, offset: number, bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += MAX_FRAME_PAYLOAD) {
    const payload = bytes.subarray(at, at + MAX_FRAME_PAYLOAD);
    pieces.push(frameHead(type, offset + at, payload.length), payload);
  }
  return pieces;
}

function jsonFrame(type: FrameType, offset: number, value: object): Uint8Array[] {
  const payload = Buffer.from(JSON.stringify(value));
  if (payload.length > MAX_FRAME_PAYLOAD) throw new RangeError(`the ${type} frame is too long`);
  return [frameHead(type, offset, payload.length), payload];
}

function frameHead(type: FrameType, offset: number, length: number): Uint8Array {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.write(type, "latin1");
  head.writeBigUInt64BE(BigInt(offset), 1);
  head.writeUInt32BE(length, 9);
  return head;
}
