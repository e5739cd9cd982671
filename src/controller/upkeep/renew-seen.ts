/** Renews the certificates of hosts that have just been seen, if they are due. */
import { CtrlExecError } from "../../core/errors.ts";
import type { Controller } from "../control-host.ts";
import { tryLockMaintenance } from "../store/maintenance-lock.ts";
import type { AgentRecord } from "../store/registry.ts";
import { dueForRenewal, renewAgents } from "./renewal.ts";

/** @param records of hosts that were just asked */
export async function renewSeen(
  controller: Controller,
  records: readonly AgentRecord[],
): Promise<void> {
  const due = dueForRenewal(controller, records);
  if (due.length === 0) return;
  // If a pass of the check loop is under way, it does the same.
  using lock = tryLockMaintenance(controller);
  if (lock === undefined) return;
  try {
    await renewAgents(controller, due);
  } catch (thrown) {
    // The hosts have still answered; the log says why nothing was signed.
    if (!(thrown instanceof CtrlExecError) || thrown.code !== "untrusted") throw thrown;
  }
}
