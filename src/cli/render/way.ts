/** How a host is reached. */
import type { AgentAtHub } from "../../controller/fleet/hub-client.ts";

/** @param way undefined for a host that is called directly */
export function wayText(way: Pick<AgentAtHub, "hub" | "since"> | undefined): string {
  return way === undefined ? "direct" : `hub ${way.hub} since ${way.since}`;
}
