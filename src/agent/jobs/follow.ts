/** The events of a job, read from its files as they grow. */
import {
  OUTPUT_STREAMS,
  type OutputStream,
  type RunEnding,
  type RunEvent,
  type StreamOffsets,
} from "../../core/run-event.ts";
import { MAX_FRAME_PAYLOAD } from "../../core/wire/frames.ts";

/** A job as its reader sees it. */
export interface Readable {
  readonly begin: Extract<RunEvent, { readonly kind: "begin" }>;
  /** Undefined while it runs. */
  readonly ending: RunEnding | undefined;
  /** How many bytes of the stream are in its file so far. */
  kept(stream: OutputStream): number;
  /** Resolves when the job may have changed. */
  changed(): Promise<void>;
  /**
   * Returns how many bytes it has put into the buffer, from an offset on; 0 if what was there is gone.
   *
   * @param hide the caller's token
   * @throws if this process has run out of some resource
   */
  read(stream: OutputStream, offset: number, into: Uint8Array, hide: boolean): number;
}

/**
 * The bytes of all events are in one buffer: they are valid until the next event is asked for. A new buffer for each
 * event took twice the memory. Anything that somebody has removed or cut off counts as dropped; the end comes all the
 * same.
 *
 * @throws as above
 */
export async function* follow(
  job: Readable,
  from: StreamOffsets,
  signal: AbortSignal,
  hide = false,
): AsyncGenerator<RunEvent> {
  let goOn: () => void = () => undefined;
  signal.addEventListener("abort", () => goOn());
  const offsets = { ...from };
  const gone = new Set<OutputStream>();
  const buffer = Buffer.allocUnsafe(MAX_FRAME_PAYLOAD);
  yield job.begin;
  while (!signal.aborted) {
    // Checked before the files are read: what they hold then is complete.
    const { ending } = job;
    const changed = job.changed();
    let found = false;
    for (const stream of OUTPUT_STREAMS) {
      const offset = offsets[stream];
      const wanted = Math.min(job.kept(stream) - offset, MAX_FRAME_PAYLOAD);
      if (wanted <= 0 || gone.has(stream)) continue;
      const read = job.read(stream, offset, buffer.subarray(0, wanted), hide);
      if (read === 0) {
        gone.add(stream);
        continue;
      }
      found = true;
      offsets[stream] += read;
      yield { kind: "output", stream, offset, bytes: buffer.subarray(0, read) };
      if (signal.aborted) return;
    }
    if (found) continue;
    if (ending !== undefined) {
      yield* whatWasDropped(ending, offsets);
      yield { kind: "end", end: ending };
      return;
    }
    // Not a race with one promise for the whole stream, which would remember every change.
    const { promise, resolve } = Promise.withResolvers<void>();
    goOn = resolve;
    if (signal.aborted) return;
    void changed.then(resolve);
    await promise;
  }
}

/** Everything after the first dropped byte of a stream is dropped. */
function* whatWasDropped(ending: RunEnding, offsets: StreamOffsets): Generator<RunEvent> {
  for (const stream of OUTPUT_STREAMS) {
    const offset = offsets[stream];
    const bytes = ending[`${stream}_bytes`] - offset;
    if (bytes > 0) yield { kind: "dropped", stream, offset, bytes };
  }
}
