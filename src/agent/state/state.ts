/** Everything that an agent serves from, loaded together so that it changes together. */

import type { AgentConfig } from "../../core/config/agent-config.ts";
import type { ConfigWarning } from "../../core/config/config-file.ts";
import { CtrlExecError } from "../../core/errors.ts";
import type { AgentLog } from "../../core/events.ts";
import { readTrustedTextIfPresent } from "../../system/files/trusted-file.ts";
import { type Allowlist, parseAllowlist } from "../scripts/allowlist.ts";
import { judgeAllowedScript } from "../scripts/run-script.ts";
import { lineProblem } from "../scripts/script-file.ts";
import { agentTakesSerial } from "../trust/announced-serial.ts";
import { type AgentTrust, loadTrust } from "../trust/trust.ts";
import { type AllowedIps, readAllowedIps } from "./allowed-ips.ts";
import { AGENT_FILE_RULE } from "./file-rule.ts";

export interface AgentState {
  readonly config: AgentConfig;
  readonly allowedIps: AllowedIps;
  readonly allowlist: Allowlist;
  readonly trust: AgentTrust;
}

/** @throws CtrlExecError `config` if any of the files cannot be used */
export async function loadState(config: AgentConfig, allowlistPath: string): Promise<AgentState> {
  return {
    config,
    allowedIps: await readAllowedIps(config),
    allowlist: await loadAllowlist(config, allowlistPath),
    trust: loadTrust(config),
  };
}

/** Scripts outside script_dirs are not listed at all. */
async function loadAllowlist(config: AgentConfig, path: string): Promise<Allowlist> {
  const text = readTrustedTextIfPresent(path, AGENT_FILE_RULE);
  if (text === undefined) {
    throw new CtrlExecError("config", `Cannot read ${path}: no such file or folder`, {
      hint: "Put it there (ctrl-exec asset scripts.conf prints an example), or name another with --allowlist.",
    });
  }
  const { scripts, warnings } = await parseAllowlist(path, text);
  const inside = new Map(scripts);
  const outside: ConfigWarning[] = [];
  const slips: ConfigWarning[] = [];
  for (const [name, script] of scripts) {
    if (agentTakesSerial(name, script, config)) continue;
    const judged = judgeAllowedScript(script, config);
    const slip = lineProblem(script.path, judged);
    if (slip !== undefined) slips.push({ key: name, message: slip });
    if (judged.kind !== "outside") continue;
    inside.delete(name);
    outside.push({ key: name, message: `rejected: ${judged.problem}` });
  }
  return { scripts: inside, warnings: [...warnings, ...slips, ...outside] };
}

/** Logs what was skipped in the files. */
export function logStateWarnings(
  state: AgentState,
  configWarnings: readonly ConfigWarning[],
  log: AgentLog,
): void {
  for (const { key, message } of [...configWarnings, ...state.allowedIps.warnings]) {
    log({ event: "config-warn", key, msg: message });
  }
  for (const { key, message } of state.allowlist.warnings) {
    log({ event: "config-warn", entry: key, msg: message });
  }
  const { revoked } = state.trust;
  if (!revoked.present) {
    const { namesRevocationFile, revoked_serials } = state.config;
    const event = namesRevocationFile ? "revoked-serials-missing" : "revoked-serials-absent";
    log({ event, path: revoked_serials, reason: "no such file" });
  }
}
