/** One pass of maintenance: whatever the fleet's certificates need, as it falls due. */
import { CtrlExecError, inOneLine, messageOf } from "../../core/errors.ts";
import type { Controller } from "../control-host.ts";
import type { HostProblem } from "../fleet/fan-out.ts";
import { requireBelievedClock } from "../inventory/clock-check.ts";
import { dropOldTokens } from "../pairing/join-tokens.ts";
import { dropExpiredRequests } from "../pairing/queue.ts";
import { broadcastSerial } from "./broadcast.ts";
import { mendCredentials } from "./mend-credentials.ts";
import { dueForRenewal, renewAgents } from "./renewal.ts";
import { restoreCredential } from "./replaced-credential.ts";
import {
  dropEarlier,
  finishRotation,
  markAgents,
  mendOverlap,
  overlapIsOver,
  rotateIfDue,
} from "./rotation.ts";

/** What one pass did; host names in lists, in order of processing. */
export interface MaintenanceReport {
  /** True if another pass was under way, which does the same work: then nothing was done here. */
  readonly busy: boolean;
  /** Serials of this host's own certificates that were not valid and have been signed again. */
  readonly mended: readonly string[];
  /** Serial of the certificate that had replaced the controller's own, which was restored. */
  readonly replacedBy: string | undefined;
  /** The new serial, if the controller's certificate was due. */
  readonly rotated: string | undefined;
  /** Agents that now know the controller's current serial. */
  readonly confirmed: readonly string[];
  /** Agents that do not know it yet. */
  readonly pending: readonly HostProblem[];
  /** Agents that have missed the overlap and must be paired again. */
  readonly stale: readonly string[];
  readonly renewed: readonly string[];
  /** Agents whose certificate is due and could not be renewed. */
  readonly notRenewed: readonly HostProblem[];
  readonly expiredRequests: number;
  readonly expiredRuns: number;
  /** Everything that failed, with the file at fault. */
  readonly problems: readonly string[];
  /**
   * Whether one of them has the code `config`, for example because this user may not read or write the files.
   */
  readonly misconfigured: boolean;
}

type Work = Omit<MaintenanceReport, "problems" | "misconfigured">;

const NOTHING: Work = {
  busy: false,
  mended: [],
  replacedBy: undefined,
  rotated: undefined,
  confirmed: [],
  pending: [],
  stale: [],
  renewed: [],
  notRenewed: [],
  expiredRequests: 0,
  expiredRuns: 0,
};

/**
 * Does what is due. Never throws: failures are in `problems` and in the log.
 *
 * @param force goes on when other hosts' clocks disagree with this one's
 */
export async function maintainOnce(
  controller: Controller,
  force = false,
): Promise<MaintenanceReport> {
  const { log, now, store } = controller;
  const problems = new Set<string>();
  let misconfigured = false;
  /** If one task fails, the others are still done. */
  const attempt = async <Value>(
    name: string,
    task: () => Value | Promise<Value>,
  ): Promise<Value | undefined> => {
    try {
      return await task();
    } catch (thrown) {
      problems.add(inOneLine(thrown));
      misconfigured ||= thrown instanceof CtrlExecError && thrown.code === "config";
      log({ event: "maintain-fail", error: messageOf(thrown), task: name });
      return undefined;
    }
  };
  const pass = async (allDone: () => Promise<void>): Promise<Work> => {
    const registry = await attempt("registry", () => store.registry.read());
    for (const { problem } of registry?.broken ?? []) problems.add(inOneLine(problem));
    const rotation = await attempt("rotation-state", () => store.rotation.problems());
    for (const problem of rotation ?? []) problems.add(inOneLine(problem));
    const mended = await attempt("mend", () => mendCredentials(controller));
    await attempt("mend-overlap", () => mendOverlap(controller));
    await attempt("finish-rotation", () => finishRotation(controller));
    const replacedBy = await attempt("restore", () => restoreCredential(controller));
    const rotated = await attempt("rotate", () => rotateIfDue(controller, force));
    // They are told first, so that no host that could have been reached is given up after a long pause.
    const told = await attempt("broadcast", () => broadcastSerial(controller));
    const marked = await attempt("stale", () => giveUp(controller, force));
    const stale = marked ?? [];
    // If no host could be told, no host is given up: the clock may have jumped years ahead.
    if (marked !== undefined) await attempt("drop-earlier", () => dropEarlier(controller));
    const renewals = await attempt("renew", async () => {
      const { agents } = await store.registry.read();
      return await renewAgents(controller, dueForRenewal(controller, agents.values()), force);
    });
    const expiredRequests = await attempt("requests", () => dropExpiredRequests(controller));
    await attempt("join-tokens", () => dropOldTokens(controller));
    const expiredRuns = await attempt("runs", () => store.runs.purge());
    await attempt("locks", () => store.locks.dropUnused());
    await attempt("locks", () => store.rollouts.dropUnused());
    await attempt("leftovers", () => store.removeLeftovers());
    await attempt("issued", async () => {
      if (marked === undefined || !(await store.certificates.hasExpired(now()))) return;
      await requireBelievedClock(controller, "drop notes of expired certificates", force);
      await store.certificates.prune(now());
    });
    await allDone();
    return {
      busy: false,
      mended: mended ?? [],
      replacedBy,
      rotated: rotated?.newSerial,
      confirmed: told?.confirmed ?? [],
      pending: (told?.pending ?? []).filter(({ host }) => !stale.includes(host)),
      stale,
      renewed: renewals?.renewed ?? [],
      notRenewed: renewals?.notRenewed ?? [],
      expiredRequests: expiredRequests ?? 0,
      expiredRuns: expiredRuns ?? 0,
    };
  };
  const outcome = await attempt("lock", async () => ({ report: await store.upkeepIfFree(pass) }));
  // Not under the lock that others wait for: it may take long, and has its own.
  await attempt("run-index", () => store.runs.prepareList());
  const { report = { ...NOTHING, busy: outcome !== undefined } } = outcome ?? {};
  return { ...report, problems: [...problems], misconfigured };
}

/**
 * If most other clocks disagree with this one, no agent is given up and no earlier certificate dropped: that
 * could not be undone (T68).
 *
 * @returns every agent that is stale
 */
async function giveUp(controller: Controller, force: boolean): Promise<string[]> {
  if (await overlapIsOver(controller)) {
    await requireBelievedClock(controller, "end the overlap of the rotation", force);
  }
  return await markAgents(controller);
}
