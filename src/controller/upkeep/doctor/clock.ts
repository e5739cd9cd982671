/** This host's clock compared with the agents' answers of the last day. No host is asked. */
import { type ClockVerdict, describeOffset, judgeClock } from "../../../core/clock.ts";
import { hostCount, namedHosts } from "../../../core/hosts/fold.ts";
import { disagreement } from "../../inventory/clock-check.ts";
import type { AgentRecord } from "../../store/agent-record.ts";
import type { HostContext } from "../../store/host.ts";
import { type Finding, passed } from "./finding.ts";

export async function clockFindings(
  { now, store }: HostContext,
  agents: ReadonlyMap<string, AgentRecord>,
): Promise<Finding[]> {
  return [judged(judgeClock(await store.clocks.known(agents), now()))];
}

function judged(verdict: ClockVerdict): Finding {
  const name = "clock";
  const { differ, kind, seen } = verdict;
  if (seen === 0) return passed(name, "no host has reported its time in the last day");
  const [furthest] = differ;
  if (furthest === undefined) return passed(name, `agrees with ${hostCount(seen)}`);
  if (kind !== "fine") {
    const remedy = "set this host's clock if it is wrong, else theirs";
    return { name, ok: false, detail: disagreement(verdict), remedy };
  }
  const hosts = namedHosts(differ.map(({ host }) => host));
  const detail = `agrees with most hosts, but not with ${hosts} (${furthest.host} is ${describeOffset(furthest.offset)})`;
  return { name, ok: false, detail, remedy: "set the clocks of these hosts" };
}
