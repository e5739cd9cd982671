/** Changes to a registered agent's record. */
import { CtrlExecError } from "../core/errors.ts";
import type { Controller } from "./controller.ts";
import type { ApprovalOptions } from "./pairing-desk.ts";
import { type AgentRecord, findAgent, lockRegistry, removeAgent, writeAgent } from "./registry.ts";

/** Removes the record. @returns what it was. @throws CtrlExecError `not-found` */
export async function unpairAgent(controller: Controller, hostname: string): Promise<AgentRecord> {
  const { config, log } = controller;
  const lock = await lockRegistry(config);
  try {
    const record = requireAgent(controller, hostname);
    removeAgent(config, record.hostname);
    log("info", "unpair", { AGENT: record.hostname, EXPIRY: record.expiry });
    return record;
  } finally {
    lock.release();
  }
}

/** Changes how the agent is dialled; undefined members stay. @throws CtrlExecError `not-found` */
export async function editAgent(
  controller: Controller,
  hostname: string,
  changes: ApprovalOptions,
): Promise<AgentRecord> {
  const { config } = controller;
  const lock = await lockRegistry(config);
  try {
    const record = requireAgent(controller, hostname);
    const changed: AgentRecord = {
      ...record,
      ip: changes.ip ?? record.ip,
      port: changes.port ?? record.port,
      lookup_by: changes.lookupBy ?? record.lookup_by,
    };
    writeAgent(config, changed);
    return changed;
  } finally {
    lock.release();
  }
}

function requireAgent({ config }: Controller, hostname: string): AgentRecord {
  const record = findAgent(config, hostname);
  if (record !== undefined) return record;
  throw new CtrlExecError("not-found", `Cannot find ${hostname}: no such host is registered`, {
    hint: "See: ctrl-exec list-agents",
  });
}
