/** Everything an agent serves from, loaded together so that it changes together. */
import type { AgentConfig } from "../core/agent-config.ts";
import { type Allowlist, parseAllowlist } from "../core/allowlist.ts";
import type { ConfigWarning } from "../core/config-file.ts";
import type { Log } from "../core/log-line.ts";
import { readTrustedText } from "../system/trusted-file.ts";
import { AGENT_FILE_RULE } from "./config-files.ts";
import { type AllowedIps, readAllowedIps } from "./door/allowed-ips.ts";
import { judgeAllowedScript } from "./script.ts";
import { type AgentTrust, loadTrust } from "./trust.ts";

export interface AgentState {
  readonly config: AgentConfig;
  readonly allowedIps: AllowedIps;
  readonly allowlist: Allowlist;
  readonly trust: AgentTrust;
}

/** @throws CtrlExecError `config` when any of the files cannot be used */
export async function loadState(config: AgentConfig, allowlistPath: string): Promise<AgentState> {
  return {
    config,
    allowedIps: await readAllowedIps(config),
    allowlist: await loadAllowlist(config, allowlistPath),
    trust: loadTrust(config),
  };
}

/** Scripts outside script_dirs are not listed at all (manual, `script_dirs`). */
async function loadAllowlist(config: AgentConfig, path: string): Promise<Allowlist> {
  const { scripts, warnings } = await parseAllowlist(path, readTrustedText(path, AGENT_FILE_RULE));
  const inside = new Map(scripts);
  const outside: ConfigWarning[] = [];
  for (const [name, script] of scripts) {
    const judged = judgeAllowedScript(script, config);
    if (judged.kind !== "outside") continue;
    inside.delete(name);
    outside.push({ key: name, message: `rejected: ${judged.problem}` });
  }
  return { scripts: inside, warnings: [...warnings, ...outside] };
}

/** Puts what the files made us skip into the log. */
export function logStateWarnings(
  state: AgentState,
  configWarnings: readonly ConfigWarning[],
  log: Log,
): void {
  const warnings = [
    ...configWarnings,
    ...state.allowedIps.warnings,
    ...state.trust.revoked.warnings,
  ];
  for (const { key, message } of warnings) {
    log("warning", "config-warn", { KEY: key, MSG: message });
  }
  for (const { key, message } of state.allowlist.warnings) {
    log("warning", "config-warn", { ENTRY: key, MSG: message });
  }
  if (!state.trust.revoked.present) {
    log("info", "revoked-serials-absent", {
      PATH: state.config.revoked_serials,
      REASON: "no such file",
    });
  }
}
