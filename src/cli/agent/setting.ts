/** What every verb of the agent starts from: its configuration, its allowlist's path and its log. */
import { dirname, join, resolve } from "node:path";
import {
  type AgentConfig,
  DEFAULT_AGENT_CONFIG,
  parseAgentConfig,
} from "../../core/agent-config.ts";
import { DEFAULT_ALLOWLIST_NAME } from "../../core/allowlist.ts";
import type { ConfigWarning } from "../../core/config-file.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { Log } from "../../core/log-line.ts";
import { readTextIfPresent } from "../../system/files.ts";
import { openChosenLog } from "../log-option.ts";

export interface AgentSetting {
  readonly config: AgentConfig;
  readonly configWarnings: readonly ConfigWarning[];
  readonly allowlistPath: string;
  readonly log: Log;
}

interface SettingOptions {
  readonly config: string | undefined;
  readonly allowlist?: string | undefined;
  readonly log?: string | undefined;
}

/**
 * @param absent what a missing /etc/ctrl-exec-agent/agent.conf means: pairing may come before there
 *   is one. A file that was named must be there.
 * @throws CtrlExecError `config`
 */
export async function openAgentSetting(
  options: SettingOptions,
  absent: "error" | "defaults",
): Promise<AgentSetting> {
  const file = resolve(options.config ?? DEFAULT_AGENT_CONFIG);
  const text = readTextIfPresent(file);
  if (text === undefined && (absent === "error" || options.config !== undefined)) {
    throw new CtrlExecError("config", `Cannot read ${file}: no such file or folder`, {
      hint: "Put it there (ctrl-exec asset agent.conf prints an example), or name another with --config.",
    });
  }
  const { config, warnings } = await parseAgentConfig(file, text ?? "");
  return {
    config,
    configWarnings: warnings,
    allowlistPath: resolve(options.allowlist ?? join(dirname(file), DEFAULT_ALLOWLIST_NAME)),
    log: openChosenLog("ctrl-exec-agent", options.log),
  };
}
