/** How one host's output is read, and why something of it is missing. */
import { NO_OFFSETS, type StreamOffsets } from "../../core/run-event.ts";
import type { HostOutcome } from "../fleet/fan-out.ts";
import type { ContactSink } from "./listener.ts";

export interface Reading {
  /** The offsets of the next bytes; undefined from the first ones on. */
  readonly from?: StreamOffsets | undefined;
  /** Until the host has its end. Otherwise what there is now. */
  readonly follow: boolean;
  /** Ends the reading; the run goes on. */
  readonly signal: AbortSignal;
  readonly onContact?: ContactSink | undefined;
  /** For a host that cannot be asked, also what the run's process has left here. */
  readonly left?: boolean;
}

/** Why something from a host is missing. */
export interface Gap {
  readonly why: string;
  /** Its agent has answered: it has nothing of the run. */
  readonly answered: boolean;
  /** Its agent is older than 1.1, and never says anything else. */
  readonly isLast?: boolean;
  /** It has not been asked, or has not begun it: nothing is missing yet. */
  readonly isQueued?: boolean;
}

/** How long an agent may be unreachable: it may have been restarted. */
export const AWAY_MS = 25_000;

/** No answer, or one that may be different in a moment. */
export function isAway({ reply }: HostOutcome): boolean {
  return reply === undefined || reply.status === 503;
}

/** @param reading from where the host would have been asked */
export function restIsThere(why: string, { from = NO_OFFSETS }: Pick<Reading, "from">): string {
  const what = from.stdout + from.stderr > 0 ? "the rest" : "it";
  return `${what} is on that host, which cannot be asked now: ${why}`;
}
