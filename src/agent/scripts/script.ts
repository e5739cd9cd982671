/** Running the file behind an allowlisted name. */

import { AGENT_CONFIG_VARIABLE, type AgentConfig } from "../../core/config/agent-config.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/wire/messages.ts";
import { executableProblem } from "../../system/files/trusted-path.ts";
import { BEING_WRITTEN, onceWritten } from "../../system/process/once-written.ts";
import {
  baseEnvironment,
  notStarted,
  type ProcessResult,
  runProcess,
} from "../../system/process/process.ts";
import { startableProblem } from "../../system/process/startable.ts";
import type { AllowedScript } from "./allowlist.ts";
import { judgeScript, type ScriptJudgement } from "./script-file.ts";

/** Judged anew at every run: what was good at load may have changed since. */
export function judgeAllowedScript(
  script: AllowedScript,
  config: Pick<AgentConfig, "script_dirs">,
): ScriptJudgement {
  const judged = judgeScript(script.path, config.script_dirs);
  return judged.kind === "good" ? (executableProblem(judged.real) ?? judged) : judged;
}

/**
 * The same for who asks before a run: also whether the system could start the file, and the interpreter that
 * its `#!` line names. A run leaves that to execve(2), which alone knows what this system can execute.
 */
export function judgeStart(
  script: AllowedScript,
  config: Pick<AgentConfig, "script_dirs">,
): ScriptJudgement {
  const judged = judgeAllowedScript(script, config);
  return judged.kind === "good" ? (startableProblem(judged.real) ?? judged) : judged;
}

/** The one script that works on the agent's own files is told where they are. */
function environmentFor({ name }: AllowedScript, config: AgentConfig): Record<string, string> {
  const base = baseEnvironment();
  return name === UPDATE_SERIAL_SCRIPT ? { ...base, [AGENT_CONFIG_VARIABLE]: config.file } : base;
}

/**
 * Executes what was judged, by its real path: a link on the way to it may be swapped at any moment, and
 * would lead out of script_dirs. Who could still put another file at the real path may write in its
 * folder, and so could have changed the script itself. A descriptor (fexecve) would be no name: a `#!` script
 * is opened again by its interpreter, and would find /proc/self/fd/9 in `$0`.
 *
 * @param judged what became of the judgement; anything but good does not run
 * @param input the context object, JSON
 * @param onStalled called when the script has not read it within `stdin_timeout`
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
