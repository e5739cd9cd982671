/** Ends a stream whose reader is not the control host any more: it may go on for days (T02). */
import type { RunEvent } from "../../core/run-event.ts";

/** A script may print thousands of times a second, and each look inspects files: milliseconds between two of them. */
const LOOK_MS = 100;

/** @param isShutOut looks at once for the beginning, the end and whatever else is not output */
export async function* untilShutOut(
  events: AsyncIterable<RunEvent>,
  isShutOut: () => boolean,
  now: () => number = () => performance.now(),
): AsyncGenerator<RunEvent> {
  let lookAt = Number.NEGATIVE_INFINITY;
  for await (const event of events) {
    if (event.kind !== "output" || now() >= lookAt) {
      if (isShutOut()) return;
      lookAt = now() + LOOK_MS;
    }
    yield event;
  }
}
