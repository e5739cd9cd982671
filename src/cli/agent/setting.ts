/** What every mode of the agent needs: its configuration, its allowlist's path and its log. */
import { dirname, join, resolve } from "node:path";
import { DEFAULT_ALLOWLIST_NAME } from "../../agent/scripts/allowlist.ts";
import { AGENT_FILE_RULE } from "../../agent/state/file-rule.ts";
import {
  type AgentConfig,
  DEFAULT_AGENT_CONFIG,
  parseAgentConfig,
} from "../../core/config/agent-config.ts";
import type { ConfigWarning } from "../../core/config/config-file.ts";
import type { AgentLog } from "../../core/events.ts";
import { readConfig, refuseChosen } from "../command/config-option.ts";
import { tellWarnings } from "../command/config-warnings.ts";
import { openChosenLog } from "../command/log-option.ts";

export interface AgentSetting {
  readonly config: AgentConfig;
  readonly configWarnings: readonly ConfigWarning[];
  readonly allowlistPath: string;
  readonly log: AgentLog;
}

export interface SettingOptions {
  readonly config: string | undefined;
  readonly allowlist?: string | undefined;
  readonly log?: string | undefined;
}

/**
 * @param absent what a missing /etc/ctrl-exec-agent/agent.conf means: pairing may come before the file exists. A file
 * that was named must exist.
 * @throws CtrlExecError `config`
 */
export async function openAgentSetting(
  options: SettingOptions,
  absent: "error" | "defaults",
): Promise<AgentSetting> {
  const { file, text } = readConfig(
    { given: options.config, usual: DEFAULT_AGENT_CONFIG, rule: AGENT_FILE_RULE },
    absent === "defaults" ? "" : undefined,
  );
  refuseChosen(options.allowlist, join(dirname(DEFAULT_AGENT_CONFIG), DEFAULT_ALLOWLIST_NAME));
  const { config, warnings } = await parseAgentConfig(file, text);
  tellWarnings(file, warnings, options.log);
  return {
    config,
    configWarnings: warnings,
    allowlistPath: resolve(options.allowlist ?? join(dirname(file), DEFAULT_ALLOWLIST_NAME)),
    log: openChosenLog("ctrl-exec-agent", options.log),
  };
}
