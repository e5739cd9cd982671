/** What pairing-mode and approve say to the operator. */
import type { Approval, PendingRequest } from "../../controller/pairing-desk.ts";
import type { AgentRecord } from "../../controller/registry.ts";

export function describeApproval({ record, replaced }: Approval): string {
  const lines = [
    `Approved ${record.hostname} (${record.ip}); its certificate expires ${record.expiry}.`,
  ];
  if (replaced !== undefined) lines.push(describeReplaced(replaced));
  return `${lines.join("\n")}\n`;
}

/** A name that is taken already is never replaced in silence (T06). */
export function describeReplaced({ hostname, ip, paired }: AgentRecord): string {
  return `Note: this replaces the earlier record of ${hostname} (${ip}, paired ${paired}).`;
}

export function describeRequest(request: PendingRequest, known: AgentRecord | undefined): string {
  const lines = [
    `Pairing request from ${request.hostname}`,
    `  IP:          ${request.ip}`,
    `  Request id:  ${request.id}`,
    `  Code:        ${request.code}   (the agent's screen must show the same)`,
  ];
  if (known !== undefined) {
    lines.push(
      `  Note:        ${known.hostname} is registered already (${known.ip}, paired ${known.paired}).`,
      "               Approving replaces it.",
    );
  }
  return `${lines.join("\n")}\n`;
}
