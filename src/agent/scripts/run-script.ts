/** Starts the file of an allowlisted name. */
import { AGENT_CONFIG_VARIABLE, type AgentConfig } from "../../core/config/agent-config.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/reserved-script.ts";
import { BEING_WRITTEN } from "../../core/start-failure.ts";
import { executableProblem } from "../../system/files/trusted-path.ts";
import { onceWritten } from "../../system/process/once-written.ts";
import { baseEnvironment, type NotStarted } from "../../system/process/start-program.ts";
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
 * What is executed: the real path that was judged. A link on the way to it may be swapped at any moment, and would
 * lead out of script_dirs. Anybody who could still put another file at the real path may write in its folder, and
 * so could have changed the script itself. A descriptor (fexecve) would not do: the interpreter opens a `#!`
 * script again, and it would find /proc/self/fd/9 in `$0`.
 *
 * @param judged anything but good does not run
 */
function programOf(
  script: AllowedScript,
  judged: ScriptJudgement,
  args: readonly string[],
  config: AgentConfig,
): Program | NotStarted {
  if (judged.kind !== "good") {
    const code = "code" in judged ? judged.code : "EPERM";
    return { kind: "not-started", code, mayHaveRun: false };
  }
  const env = environmentFor(script, config);
  return { kind: "program", file: judged.real, calledAs: script.path, args, env };
}

/** A script that may be executed now. */
export interface Program {
  readonly kind: "program";
  readonly file: string;
  readonly calledAs: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The result of a start that did not fail. */
interface Begun {
  readonly kind: "started";
}

/** Starts the script; tries again while its file is being written. */
export async function startAllowedScript<Outcome extends Begun>(
  script: AllowedScript,
  judged: ScriptJudgement,
  args: readonly string[],
  config: AgentConfig,
  start: (program: Program) => Promise<Outcome | NotStarted>,
): Promise<Outcome | NotStarted> {
  const attempt = async (isFirst: boolean) => {
    const usable = isFirst ? judged : judgeAllowedScript(script, config);
    const program = programOf(script, usable, args, config);
    return program.kind === "program" ? await start(program) : program;
  };
  return await onceWritten(attempt, isBeingWritten);
}

function isBeingWritten({ code }: { readonly kind: string; readonly code?: string }): boolean {
  return code === BEING_WRITTEN;
}
