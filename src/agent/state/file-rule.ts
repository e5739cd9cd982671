/** Who may write agent.conf and scripts.conf; checks/config-files.ts says why the group may. */
import type { TrustRule } from "../../system/files/trusted-file.ts";

export const AGENT_FILE_RULE: TrustRule = { groupMayWrite: true };
