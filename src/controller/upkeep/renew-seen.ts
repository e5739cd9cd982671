/** Renews the certificates of hosts that have just been seen, if they are due. */
import { CtrlExecError } from "../../core/errors.ts";
import type { Controller } from "../control-host.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import { dueForRenewal, renewAgents } from "./renewal.ts";

/** @param records of hosts that were just asked */
export async function renewSeen(
  controller: Controller,
  records: readonly AgentRecord[],
): Promise<void> {
  const due = dueForRenewal(controller, records);
  if (due.length === 0) return;
  // A pass of the check loop that is under way does the same.
  await controller.store.upkeepIfFree(async () => {
    try {
      await renewAgents(controller, due);
    } catch (thrown) {
      // The hosts have answered all the same; the log says why nothing was signed.
      if (!(thrown instanceof CtrlExecError) || thrown.code !== "untrusted") throw thrown;
    }
  });
}
