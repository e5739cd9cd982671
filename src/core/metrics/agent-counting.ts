/** How each event of an agent is counted. */
import type { AgentEvent } from "../events.ts";
import { AGENT_METRICS as M } from "./agent-metrics.ts";
import { type Counting, countEvent } from "./counting.ts";
import { Tally } from "./tally.ts";

/** Its scripts are those of its allowlist: a caller cannot name others. */
export function agentTally(): Tally {
  return new Tally({ metrics: Object.values(M) });
}

export function countAgentEvent(event: AgentEvent, tally: Tally): void {
  countEvent(COUNTING, event, tally);
}

const COUNTING: Counting<AgentEvent> = {
  run: ({ script, exit, took }, tally) => {
    tally.add(M.runs, { script, outcome: exit === 0 ? "ok" : "failed" });
    if (took !== undefined) tally.observe(M.runDuration, { script }, took / 1000);
  },
  "run-problem": ({ script }, tally) => tally.add(M.runs, { script, outcome: "problem" }),
  deny: (_, tally) => tally.add(M.denied, {}),
  cancel: (_, tally) => tally.add(M.cancelled, {}),
  "run-unkept": (_, tally) => tally.add(M.unkept, {}),
  "run-folder-fail": (_, tally) => tally.add(M.unkept, {}),
  "auth-pass": countDecision,
  "auth-deny": countDecision,
  "auth-error": countDecision,
  "upgrade-refuse": (_, tally) => tally.add(M.upgradesRefused, {}),
  "ip-block": refused("address"),
  "tls-failure": refused("tls"),
  "revoked-cert": refused("revoked"),
  "serial-reject": refused("serial"),
  "accept-fatal": refused("full"),
  "hang-up": refused("slow"),
  "request-refused": refused("unreadable"),
  "rate-block": ({ reason }, tally) => tally.add(M.rateBlocks, { reason }),
  "renew-complete": (_, tally) => tally.add(M.renewals, { result: "ok" }),
  "renew-fail": (_, tally) => tally.add(M.renewals, { result: "failed" }),
  "renew-complete-fail": (_, tally) => tally.add(M.renewals, { result: "failed" }),
};

/** A line that stands for several of its kind says for how many. */
function refused(reason: (typeof M.refused.labels.reason)[number]) {
  return (event: { readonly event: string; readonly count?: number | undefined }, tally: Tally) =>
    tally.add(M.refused, { reason }, event.count ?? 1);
}

function countDecision(
  { authaction, result }: { readonly authaction: string; readonly result: string },
  tally: Tally,
): void {
  tally.add(M.authorizations, { action: authaction, result });
}
