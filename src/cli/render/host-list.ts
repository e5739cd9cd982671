/** Names of hosts within a sentence. */
import { foldedHosts } from "../../core/hosts/fold.ts";

/** More are folded. */
const MAX_NAMED = 5;

/** `web-01, db-01`, or of many `db-01, web-[01-20]`; not yet safe for a screen. */
export function hostList(hosts: readonly string[]): string {
  return (hosts.length > MAX_NAMED ? foldedHosts(hosts) : hosts).join(", ");
}
