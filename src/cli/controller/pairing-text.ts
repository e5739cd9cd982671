/** What pairing-mode and approve say to the operator. */

import type { Approval } from "../../controller/pairing/register-host.ts";
import type { PendingRequest } from "../../controller/store/ports/pairing.ts";
import type { Registered } from "../../controller/store/ports/registry.ts";
import { screenLine } from "../../core/text.ts";
import { isoSeconds, parseOpensslTime } from "../../core/time.ts";
import { COVERED } from "../render/covered.ts";

export function describeApproval({ record, replaced }: Approval): string {
  const { hostname, ip } = record;
  // In the form that this screen uses everywhere: requests and records have ISO 8601.
  const ends = parseOpensslTime(record.expiry);
  const expiry = ends === undefined ? record.expiry : isoSeconds(ends);
  const approved = screenLine`Approved ${hostname} (${ip}); its certificate expires ${expiry}.\n`;
  if (replaced === undefined) return approved;
  // A registered name is never replaced silently (T06).
  return `${approved}${screenLine`Note: this replaces the earlier record of ${hostname} (${describeKnown(replaced)}).`}\n`;
}

/** What the registry has about a host that asks again. */
export function describeKnown(known: Registered): string {
  if (known.kind === "broken") return "it is damaged";
  const { ip, paired } = known.record;
  return `${ip}, paired ${paired}`;
}

export function describeRequest(request: PendingRequest, known: Registered | undefined): string {
  const lines = [
    screenLine`Pairing request from ${request.hostname}`,
    screenLine`  IP:          ${request.ip}`,
    screenLine`  Request id:  ${request.id}`,
    screenLine`  Code:        ${request.code}   (the agent's screen must show the same)`,
    screenLine`  Code covers: ${COVERED[request.code_covers]}   (if the agent's screen says otherwise, deny)`,
  ];
  if (request.code_covers !== "both") {
    lines.push("               It can be forged. Compare the CA fingerprints on both screens too.");
  }
  if (known !== undefined) {
    lines.push(
      screenLine`  Note:        ${request.hostname} is registered already (${describeKnown(known)}).`,
      "               Approving replaces it.",
    );
  }
  return `${lines.join("\n")}\n`;
}

/** Empty if the code covers both hosts; else a note for a list of requests. */
export function noteOnCode({ id, hostname, code_covers }: PendingRequest): string {
  if (code_covers === "both") return "";
  return `Note: the code of ${hostname} (${id}) covers ${COVERED[code_covers]} and can be forged: compare the CA fingerprints too.\n`;
}
