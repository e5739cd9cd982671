/** The events of a job, read from its files as they grow. */
import {
  OUTPUT_STREAMS,
  type OutputStream,
  type RunEnding,
  type RunEvent,
} from "../../core/run-event.ts";
import { MAX_FRAME_PAYLOAD } from "../../core/wire/frames.ts";
import type { Offsets } from "./job.ts";

/** A job as its reader sees it. */
export interface Readable {
  readonly begin: Extract<RunEvent, { readonly kind: "begin" }>;
  /** Undefined while it runs. */
  readonly ending: RunEnding | undefined;
  /** How much of the stream is in its file by now. */
  kept(stream: OutputStream): number;
  /** Resolves when the job may have changed. */
  changed(): Promise<void>;
  /** At most so many bytes from an offset on. @throws if the file is gone */
  read(stream: OutputStream, offset: number, bytes: number): Uint8Array;
}

/** @throws if a file is gone, or shorter than it was */
export async function* follow(
  job: Readable,
  from: Offsets,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const stop = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => stop.resolve());
  const offsets = { ...from };
  yield job.begin;
  while (!signal.aborted) {
    // Looked at before the files are read: what they hold then is all.
    const { ending } = job;
    const changed = job.changed();
    let found = false;
    for (const stream of OUTPUT_STREAMS) {
      const offset = offsets[stream];
      const wanted = Math.min(job.kept(stream) - offset, MAX_FRAME_PAYLOAD);
      if (wanted <= 0) continue;
      const bytes = job.read(stream, offset, wanted);
      if (bytes.length === 0) throw new Error(`${stream} is shorter than it was`);
      found = true;
      offsets[stream] += bytes.length;
      yield { kind: "output", stream, offset, bytes };
      if (signal.aborted) return;
    }
    if (found) continue;
    if (ending !== undefined) {
      yield* whatWasDropped(ending, offsets);
      yield { kind: "end", end: ending };
      return;
    }
    await Promise.race([changed, stop.promise]);
  }
}

/** All that comes after the first dropped byte of a stream is dropped. */
function* whatWasDropped(ending: RunEnding, offsets: Offsets): Generator<RunEvent> {
  for (const stream of OUTPUT_STREAMS) {
    const offset = offsets[stream];
    const bytes = ending[`${stream}_bytes`] - offset;
    if (bytes > 0) yield { kind: "dropped", stream, offset, bytes };
  }
}
