/** Follows a run that an earlier process has begun, or was about to begin, on one host: it never starts twice. */
import * as z from "zod/mini";
import { type RunResult, withoutResult } from "../../core/run-result.ts";
import { longerPause, pause } from "../../system/deadline.ts";
import type { Following } from "../fleet/event-reader.ts";
import type { FleetDialler, HostOutcome } from "../fleet/fan-out.ts";
import {
  FIRST_PAUSE_MS,
  type FollowedRun,
  followOn,
  followRun,
  isUnanswered,
  LONGEST_PAUSE_MS,
} from "../fleet/follow-run.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import { knowsNoSuchRun, NOT_KNOWN, withdraw } from "./withdraw.ts";

/** How long the agent may be unreachable: it may have been restarted with this host. */
const AWAY_MS = 60_000;

/** Since how many seconds the agent has forgotten no run. */
const unknownRun = z.object({ known_for: z.number() });

export interface Rejoin {
  /** When the run began. */
  readonly begun: Date;
  /**
   * Asked before the run is sent to a host that has never had it: what was agreed to then may no longer hold.
   * `leave`: another process asks.
   */
  readonly maySend: (target: ResolvedTarget) => Promise<MaySend>;
  /** Aborted when an unreachable host is no longer waited for. */
  readonly signal: AbortSignal;
}

export type MaySend = "send" | "leave" | Refused;

interface Refused {
  readonly refused: string;
  /** Who has cancelled it there. */
  readonly cancelled_by?: string;
}

export type RejoinedRun =
  | FollowedRun
  /** It has not run there, will not run, and must not be sent. */
  | { readonly kind: "refused"; readonly outcome: HostOutcome; readonly why: Refused };

/**
 * Asks by the run's id. If an agent has never had the run, and is certain of that, the run is sent to it now, if that
 * is still allowed: the request of the earlier process never arrived, and if it still arrives, one of the two is
 * refused.
 */
export async function rejoinRun(
  dialler: FleetDialler,
  target: ResolvedTarget,
  body: object,
  following: Following,
  { begun, maySend, signal }: Rejoin,
): Promise<RejoinedRun> {
  const followed = await untilThere(dialler, target, following, signal);
  if (followed.kind !== "answered" || !knowsNoSuchRun(followed.outcome)) return followed;
  const agoMs = dialler.now().getTime() - begun.getTime();
  const sending = hasForgottenNone(followed.outcome, agoMs) ? await maySend(target) : undefined;
  if (sending === "leave") return followed;
  if (sending !== "send") {
    const run = { reqid: following.reqid, started: begun.toISOString() };
    // A request that may still be on its way must not start later.
    const withdrawal = await withdraw(dialler, target, run);
    if (withdrawal === "known") return await followOn(dialler, target, following);
    if (withdrawal !== "never-ran" || sending === undefined) return followed;
    return { kind: "refused", outcome: followed.outcome, why: sending };
  }
  const started = await followRun(dialler, target, body, following);
  if (started.kind !== "answered") return started;
  const late = await followOn(dialler, target, following);
  return late.kind === "answered" ? started : late;
}

/** The result if the agent cannot say whether it has run. */
export function forgottenOn(
  run: { readonly script: string; readonly reqid: string },
  outcome: HostOutcome,
): RunResult | undefined {
  if (!knowsNoSuchRun(outcome)) return undefined;
  return withoutResult(run, outcome.target.label, `${outcome.rtt}ms`, NOT_KNOWN);
}

async function untilThere(
  dialler: FleetDialler,
  target: ResolvedTarget,
  following: Following,
  signal: AbortSignal,
): Promise<FollowedRun> {
  const until = performance.now() + AWAY_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = longerPause(pauseMs, LONGEST_PAUSE_MS)) {
    const followed = await followOn(dialler, target, following);
    const { error = "" } = followed.outcome;
    const isAway = followed.kind === "answered" && isUnanswered(followed.outcome);
    if (!isAway || signal.aborted || performance.now() + pauseMs > until) return followed;
    following.contact?.broken(error, until);
    await pause(pauseMs, signal);
  }
}

/** @param agoMs when the answer came, the run had begun at most this long ago; negative if a clock was set back */
function hasForgottenNone({ reply }: HostOutcome, agoMs: number): boolean {
  const told = unknownRun.safeParse(reply?.json).data;
  return agoMs >= 0 && told !== undefined && told.known_for * 1000 > agoMs;
}
