/** What an agent says about itself to a control host that has not asked for its capabilities. */
import type { AgentConfig } from "../core/config/agent-config.ts";
import { MAX_CLAIMED_JSON, type Tags } from "../core/tags.ts";
import { VERSION } from "../core/version.ts";

export interface SelfReport {
  readonly version: string;
  readonly tags?: Tags;
}

/**
 * Without the tags if an auth hook decides who may discover them, and if there are more than a control host keeps: it
 * learns that from a discovery.
 */
export function selfReport({ auth_hook, tags }: AgentConfig): SelfReport {
  const isTold = auth_hook === undefined && JSON.stringify(tags).length <= MAX_CLAIMED_JSON;
  return { version: VERSION, ...(isTold ? { tags } : {}) };
}
