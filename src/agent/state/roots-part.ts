import { existsSync } from "node:fs";
import type { AgentConfig } from "../../core/config/agent-config.ts";

/**
 * Whether anything here carries out upgrades that the agent hands over: whoever sets that up makes the folder, and the agent's user cannot.
 * So a host without that refuses at once, and nobody waits for it.
 */
export function hasRootsPart({ upgrade_state }: Pick<AgentConfig, "upgrade_state">): boolean {
  return existsSync(upgrade_state);
}
