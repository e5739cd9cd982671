/**
 * The part of a result's output that came and was not recorded for want of room: it is with the agent, as long as that
 * keeps the run. What the agent has dropped itself is nowhere.
 */
import { outputLength } from "../../core/output-bytes.ts";
import {
  NO_OFFSETS,
  OUTPUT_STREAMS,
  type OutputStream,
  type RunEvent,
  type StreamOffsets,
} from "../../core/run-event.ts";
import type { RunResult } from "../../core/run-result.ts";

/** Whether an event of the record comes before the rest. */
export function comesBeforeRest({ kind }: RunEvent): boolean {
  return kind !== "dropped" && kind !== "end";
}

/** Whether an event of the agent belongs to the rest. */
export function isOfRest({ kind }: RunEvent): boolean {
  return kind === "output" || kind === "dropped";
}

export class UnrecordedRest {
  /** The offsets of the next bytes that are wanted from the agent; beyond its end, where none are. */
  readonly from: StreamOffsets;
  readonly #wanted: ReadonlySet<OutputStream>;
  readonly #next: Record<OutputStream, number>;
  /** What comes after it. */
  readonly #after: RunEvent[] = [];
  #isWhole = false;

  /** @param from the offsets of the next bytes that are wanted of the whole output */
  constructor(result: RunResult, from = NO_OFFSETS) {
    const next = { stdout: 0, stderr: 0 };
    const wanted = new Set<OutputStream>();
    for (const stream of OUTPUT_STREAMS) {
      const kept = outputLength(result, stream);
      const unrecorded = result[`${stream}_unrecorded`] ?? 0;
      const isWanted = from[stream] < kept + unrecorded && unrecorded > 0;
      if (isWanted) wanted.add(stream);
      const printed = kept + (result[`${stream}_dropped`] ?? 0);
      next[stream] = isWanted ? Math.max(from[stream], kept) : printed;
    }
    this.#wanted = wanted;
    this.#next = next;
    this.from = { ...next };
  }

  /** The same, after what has come. */
  get next(): StreamOffsets {
    return { ...this.#next };
  }

  get isWanted(): boolean {
    return this.#wanted.size > 0;
  }

  /** Keeps an event of the record that does not come before the rest. */
  keepForAfter(event: RunEvent): void {
    this.#after.push(event);
  }

  /** Notes how far the rest has come. @param event of the agent */
  hear(event: RunEvent): void {
    if (event.kind === "end") this.#isWhole = true;
    if (event.kind === "output") this.#next[event.stream] = event.offset + event.bytes.length;
  }

  /** The events of the record that come now: without what has come. */
  *after(): Generator<RunEvent> {
    for (const event of this.#after) {
      if (event.kind !== "dropped" || !this.#wanted.has(event.stream)) yield event;
      else if (!this.#isWhole) {
        const offset = this.#next[event.stream];
        const bytes = event.offset + event.bytes - offset;
        if (bytes > 0) yield { ...event, offset, bytes };
      }
    }
  }
}
