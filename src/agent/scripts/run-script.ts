/** Runs the file of an allowlisted name. */

import { AGENT_CONFIG_VARIABLE, type AgentConfig } from "../../core/config/agent-config.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/reserved-script.ts";
import { executableProblem } from "../../system/files/trusted-path.ts";
import { BEING_WRITTEN, onceWritten } from "../../system/process/once-written.ts";
import {
  baseEnvironment,
  notStarted,
  type ProcessResult,
  runProcess,
} from "../../system/process/run-process.ts";
import { startableProblem } from "../../system/process/startable.ts";
import type { AllowedScript } from "./allowlist.ts";
import { judgeScript, type ScriptJudgement } from "./script-file.ts";

/** Judged at every run: what was good when loaded may have changed since. */
export function judgeAllowedScript(
  script: AllowedScript,
  config: Pick<AgentConfig, "script_dirs">,
): ScriptJudgement {
  const judged = judgeScript(script.path, config.script_dirs);
  return judged.kind === "good" ? (executableProblem(judged.real) ?? judged) : judged;
}

/**
 * The same without a run: also judges whether the system could start the file, and the interpreter that its
 * `#!` line names. A run leaves that to execve(2), which alone knows what this system can execute.
 */
export function judgeStart(
  script: AllowedScript,
  config: Pick<AgentConfig, "script_dirs">,
): ScriptJudgement {
  const judged = judgeAllowedScript(script, config);
  return judged.kind === "good" ? (startableProblem(judged.real) ?? judged) : judged;
}

/** Tells the one script that works on the agent's own files where they are. */
function environmentFor({ name }: AllowedScript, config: AgentConfig): Record<string, string> {
  const base = baseEnvironment();
  return name === UPDATE_SERIAL_SCRIPT ? { ...base, [AGENT_CONFIG_VARIABLE]: config.file } : base;
}

/**
 * Executes the real path that was judged: a link on the way to it may be swapped at any moment, and would lead
 * out of script_dirs. Anybody who could still put another file at the real path may write in its folder, and so
 * could have changed the script itself. A descriptor (fexecve) would not do: the interpreter opens a `#!`
 * script again, and it would find /proc/self/fd/9 in `$0`.
 *
 * @param judged the judgement; anything but good does not run
 * @param input the context object, JSON
 * @param onStalled called if the script has not read it within `stdin_timeout`
 */
export async function runAllowedScript(
  script: AllowedScript,
  judged: ScriptJudgement,
  args: readonly string[],
  input: string,
  config: AgentConfig,
  onStalled: () => void,
): Promise<ProcessResult> {
  const { timeout, max_output = config.max_output } = script.options;
  const start = async (isFirst: boolean) => {
    const usable = isFirst ? judged : judgeAllowedScript(script, config);
    if (usable.kind !== "good") return notStarted("code" in usable ? usable.code : "EPERM");
    return await runProcess({
      file: usable.real,
      calledAs: script.path,
      args,
      env: environmentFor(script, config),
      input,
      inputStalled: { afterMs: config.stdin_timeout * 1000, report: onStalled },
      maxOutput: max_output,
      ...(timeout === undefined ? {} : { timeoutMs: timeout * 1000 }),
    });
  };
  return await onceWritten(start, ({ startError }) => startError === BEING_WRITTEN);
}
