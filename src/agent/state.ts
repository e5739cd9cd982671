/** Everything an agent serves from, loaded together so that it changes together. */
import type { AgentConfig } from "../core/agent-config.ts";
import { type Allowlist, parseAllowlist } from "../core/allowlist.ts";
import type { ConfigWarning } from "../core/config-file.ts";
import type { Log } from "../core/log-line.ts";
import { readText } from "../system/files.ts";
import { type AgentTrust, loadTrust } from "./trust.ts";

export interface AgentState {
  readonly config: AgentConfig;
  readonly allowlist: Allowlist;
  readonly trust: AgentTrust;
}

/** @throws CtrlExecError `config` when any of the files cannot be used */
export function loadState(config: AgentConfig, allowlistPath: string): AgentState {
  return {
    config,
    allowlist: parseAllowlist(readText(allowlistPath)),
    trust: loadTrust(config),
  };
}

/** Puts what the files made us skip into the log. */
export function logStateWarnings(
  state: AgentState,
  configWarnings: readonly ConfigWarning[],
  log: Log,
): void {
  for (const { key, message } of [...configWarnings, ...state.trust.warnings]) {
    log("warning", "config-warn", { KEY: key, MSG: message });
  }
  for (const { key, message } of state.allowlist.warnings) {
    log("warning", "config-warn", { ENTRY: key, MSG: message });
  }
  if (!state.trust.revocationFilePresent) {
    log("info", "revoked-serials-absent", {
      PATH: state.config.revoked_serials,
      REASON: "no such file",
    });
  }
}
