import { createHash } from "node:crypto";
import type { RunEvent } from "../../../src/core/run-event.ts";
import { ChunkReader, LAST_CHUNK } from "../../../src/core/wire/chunks.ts";
import { FrameReader } from "../../../src/core/wire/frame-reader.ts";
import { framePieces } from "../../../src/core/wire/frames.ts";
import { chunkOf } from "../../support/chunks.ts";
import { readInPieces } from "../in-pieces.ts";
import type { Target } from "../target.ts";

const STARTED = "2026-11-29T03:00:00Z";

const EVENTS: readonly RunEvent[] = [
  { kind: "begin", reqid: "0123456789abcdef", script: "say", started: STARTED },
  { kind: "output", stream: "stdout", offset: 0, bytes: Buffer.from("one\ntwo\n") },
  { kind: "output", stream: "stderr", offset: 0, bytes: Buffer.from("\0\xff") },
  { kind: "alive" },
  { kind: "dropped", stream: "stdout", offset: 8, bytes: 100 },
  {
    kind: "end",
    end: {
      state: "ended",
      exit: 0,
      started: STARTED,
      ended: STARTED,
      stdout_bytes: 108,
      stderr_bytes: 3,
    },
  },
];

const seedOf = (events: readonly RunEvent[]) => Buffer.concat(events.flatMap(framePieces));
const headOf = (event: RunEvent) => framePieces(event)[0]?.toString() ?? "";

/** What is read, whatever the pieces: the events without output, and where each stream has come to. */
function readFrames(pieces: readonly Buffer[]): unknown {
  const reader = new FrameReader();
  const words = createHash("sha256");
  const streams = { stdout: createHash("sha256"), stderr: createHash("sha256") };
  let problem = "";
  try {
    for (const piece of pieces) {
      for (const event of reader.take(piece)) {
        if (event.kind === "output") streams[event.stream].update(event.bytes);
        else words.update(JSON.stringify(event));
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof Error && thrown.name === "CtrlExecError")) throw thrown;
    problem = thrown.message;
  }
  const sums = [words, streams.stdout, streams.stderr].map((sum) => sum.digest("hex"));
  return [problem, reader.offsets, reader.ended, ...sums];
}

/** The content, as far as it is sound, and whether the body is complete. */
function readChunks(pieces: readonly Buffer[]): unknown {
  const reader = new ChunkReader();
  const content = createHash("sha256");
  let problem = "";
  try {
    for (const piece of pieces) {
      for (const bytes of reader.take(piece)) content.update(bytes);
    }
  } catch (thrown) {
    if (!(thrown instanceof Error && thrown.name === "CtrlExecError")) throw thrown;
    problem = thrown.message;
  }
  return [problem, reader.ended, content.digest("hex")];
}

export const STREAMS: readonly Target[] = [
  {
    name: "frames of a run",
    seeds: [seedOf(EVENTS), seedOf(EVENTS.slice(0, 3))],
    pieces: [
      ...EVENTS.map(headOf),
      '{"stream":"stdout","bytes":1}',
      '{"stream":"stderr","bytes":9007199254740991}',
      '"exit":-1',
      "\0\0\0\0\0\0\0\0\0",
      "K\0\0\0\0\0\0\0\0\0\0\0\0",
    ],
    read: (input) => readInPieces(input, readFrames),
  },
  {
    name: "chunks",
    seeds: [
      Buffer.concat([...EVENTS.map((event) => chunkOf(framePieces(event))), LAST_CHUNK]),
      "1\r\nx\r\n".repeat(20),
    ],
    pieces: ["0\r\n\r\n", "\r\n", "0", "ffffffff\r\n", "00000001\r\n", ";a=b", "A:b\r\n"],
    read: (input) => readInPieces(input, readChunks),
  },
];
