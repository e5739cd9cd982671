/** What SIGHUP, and the mode reload, do: the files of the agent that are running are read again. */
import { fileFaults, warningsOf } from "../../agent/checks/config-files.ts";
import type { AgentServer } from "../../agent/server.ts";
import { loadState, logStateWarnings } from "../../agent/state/state.ts";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import type { ConfigWarning } from "../../core/config/config-file.ts";
import { messageOf } from "../../core/errors.ts";
import type { AgentLog } from "../../core/events.ts";
import { warningLine } from "../command/config-warnings.ts";
import { fixedWarnings } from "../reload-requests.ts";
import { type AgentSetting, openAgentSetting, type SettingOptions } from "./setting.ts";

/** What stays as it is until a restart. */
const FIXED = ["port", "bind", "listen", "metrics_bind", "metrics_port"] as const;

export interface Serving {
  readonly server: AgentServer;
  /** The configuration that the listening socket was made from. */
  readonly config: AgentConfig;
  readonly log: AgentLog;
}

export function warningsFor({
  config,
  configWarnings,
  allowlistPath,
}: AgentSetting): ConfigWarning[] {
  return [...configWarnings, ...warningsOf(fileFaults(config, allowlistPath))];
}

/**
 * All or nothing: if any file cannot be used, everything stays as it was.
 * @returns what was skipped in the files, which is also logged
 * @throws the failure, which is also logged
 */
export async function reload(
  options: SettingOptions,
  { server, config, log }: Serving,
): Promise<string[]> {
  try {
    const next = await openAgentSetting(options, "error");
    const state = await loadState(next.config, next.allowlistPath);
    logStateWarnings(state, warningsFor(next), log);
    const fixed = fixedWarnings(FIXED, config, next.config);
    for (const { key, message } of fixed) log({ event: "config-warn", key, msg: message });
    server.replaceState(state);
    log({ event: "reload", scripts: state.allowlist.scripts.size });
    const ofConfig = [...warningsFor(next), ...state.allowedIps.warnings, ...fixed];
    return [
      ...ofConfig.map((warning) => warningLine(next.config.file, warning)),
      ...state.allowlist.warnings.map((warning) => warningLine(next.allowlistPath, warning)),
    ];
  } catch (thrown) {
    log({ event: "reload-fail", error: messageOf(thrown) });
    throw thrown;
  }
}
