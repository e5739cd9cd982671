/** The check loop: what a fleet's trust needs, done as it falls due, unattended. */
import { CtrlExecError } from "../core/errors.ts";
import type { Controller } from "./controller.ts";

/** What one pass did; host names in lists, in the order they were met. */
export interface MaintenanceReport {
  /** True when another pass was under way, which does the same work: nothing else was done. */
  readonly busy: boolean;
  /** The new serial, when the controller's certificate was due. */
  readonly rotated: string | undefined;
  /** Agents that now know the controller's present serial. */
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
  /** Whatever broke, each with the file at fault. */
  readonly problems: readonly string[];
}

export interface HostProblem {
  readonly host: string;
  readonly error: string;
}

/** Does what is due. Never throws: what breaks is in `problems` and in the log. */
export async function maintainOnce(_controller: Controller): Promise<MaintenanceReport> {
  throw new CtrlExecError("internal", "Cannot maintain: not written yet");
}

export interface CheckLoop {
  /** No pass begins after this. One under way may be cut off: every step of it survives that. */
  stop(): void;
}

/** A pass now, and one each `cert_check_interval`. */
export function startCheckLoop(_controller: Controller): CheckLoop {
  return { stop: () => undefined };
}
