/** Finding and running the file behind an allowlisted name. */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { AGENT_CONFIG_VARIABLE, type AgentConfig } from "../core/agent-config.ts";
import type { AllowedScript } from "../core/allowlist.ts";
import { UPDATE_SERIAL_SCRIPT } from "../core/messages.ts";
import { baseEnvironment, type ProcessResult, runProcess } from "../system/process.ts";

export function isExecutableScript(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Whether the file, all links resolved, lies in one of `script_dirs` (T13). */
export function isInScriptDirs(path: string, dirs: readonly string[] | undefined): boolean {
  if (dirs === undefined) return true;
  try {
    const real = realpathSync(path);
    return dirs.some((dir) => real.startsWith(`${realpathSync(dir)}/`));
  } catch {
    return false;
  }
}

/** The one script that works on the agent's own files is told where they are. */
function environmentFor({ name }: AllowedScript, config: AgentConfig): Record<string, string> {
  const base = baseEnvironment();
  return name === UPDATE_SERIAL_SCRIPT ? { ...base, [AGENT_CONFIG_VARIABLE]: config.file } : base;
}

/** @param input the context object, JSON */
export async function runAllowedScript(
  script: AllowedScript,
  args: readonly string[],
  input: string,
  config: AgentConfig,
): Promise<ProcessResult> {
  return runProcess({
    file: script.path,
    args,
    env: environmentFor(script, config),
    input,
    inputTimeoutMs: config.stdin_timeout * 1000,
    maxOutput: config.max_output,
  });
}
