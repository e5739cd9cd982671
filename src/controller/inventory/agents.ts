/** Changes how a registered agent is called. */

import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";

export interface HowToCall {
  readonly ip?: string | undefined;
  readonly port?: number | undefined;
  readonly lookupBy?: "hostname" | "ip" | undefined;
}

/**
 * Changes how the agent is called; undefined members stay as they are. @throws CtrlExecError `not-found`, or `config`
 * for a record that cannot be used
 */
export async function editAgent(
  controller: HostContext,
  hostname: string,
  changes: HowToCall,
): Promise<AgentRecord> {
  const { log, store } = controller;
  return await store.exclusively(async (writer) => {
    const found = await store.registry.find(hostname);
    if (found === undefined) throw notRegistered(controller, hostname);
    if (found.kind === "broken") throw found.broken.problem;
    const { record } = found;
    const changed: AgentRecord = {
      ...record,
      ip: changes.ip ?? record.ip,
      port: changes.port ?? record.port,
      lookup_by: changes.lookupBy ?? record.lookup_by,
    };
    await writer.putAgent(changed);
    const { ip, lookup_by: by, port } = changed;
    log({ event: "edit-agent", agent: changed.hostname, ip, lookupBy: by, port });
    return changed;
  });
}

export function notRegistered({ config }: HostContext, hostname: string): CtrlExecError {
  return new CtrlExecError("not-found", `Cannot find ${hostname}: no such host is registered`, {
    hint: `See: ctrl-exec list-agents${configArgument(config.file)}`,
  });
}
