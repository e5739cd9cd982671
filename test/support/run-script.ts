/** Runs the script of an allowlisted name to its end, as this process's own child. */
import type { AllowedScript } from "../../src/agent/scripts/allowlist.ts";
import { startAllowedScript } from "../../src/agent/scripts/run-script.ts";
import type { ScriptJudgement } from "../../src/agent/scripts/script-file.ts";
import type { AgentConfig } from "../../src/core/config/agent-config.ts";
import {
  notStarted,
  type ProcessResult,
  runProcess,
} from "../../src/system/process/run-process.ts";
import type { NotStarted } from "../../src/system/process/start-program.ts";

interface Ran {
  readonly kind: "started";
  readonly result: ProcessResult;
}

export async function runScript(
  script: AllowedScript,
  judged: ScriptJudgement,
  args: readonly string[],
  config: AgentConfig,
): Promise<ProcessResult> {
  const { max_output: maxOutput } = config;
  const outcome = await startAllowedScript(
    script,
    judged,
    args,
    config,
    async (program): Promise<Ran | NotStarted> => {
      const result = await runProcess({ ...program, input: "", maxOutput });
      const { startError: code, mayHaveRun } = result;
      if (code !== undefined) return { kind: "not-started", code, mayHaveRun };
      return { kind: "started", result };
    },
  );
  return outcome.kind === "started" ? outcome.result : notStarted(outcome);
}
