/**
 * Starts group_command in the same way as an auth hook: without a shell, with its own environment, and with limits.
 */
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { shortageOf } from "../../core/shortage.ts";
import { BEING_WRITTEN, wordsFor } from "../../core/start-failure.ts";
import { decodeText } from "../../core/text.ts";
import { formatBytes } from "../../core/units.ts";
import { judgeProgram } from "../../system/files/trusted-path.ts";
import { onceWritten } from "../../system/process/once-written.ts";
import { type ProcessResult, runProcess } from "../../system/process/run-process.ts";
import { baseEnvironment } from "../../system/process/start-program.ts";
import { startableProblem } from "../../system/process/startable.ts";
import type { HostContext } from "../store/host.ts";
import type { ListedGroup } from "../store/ports/groups.ts";
import { readCommandOutput } from "./command-output.ts";

/** Ansible prints everything it knows about ten thousand hosts in fewer bytes. */
const MAX_OUTPUT = 16 * 2 ** 20;
/** Characters of its standard error in the log. */
const MAX_SAID = 300;

/** @throws CtrlExecError `busy`, which a caller of the API is told too, if it does not print what it should */
export async function askGroupCommand(
  { config, log }: HostContext,
  command: string,
): Promise<ReadonlyMap<string, ListedGroup>> {
  const result = await onceWritten(
    () => start(command, config.group_command_timeout),
    (outcome) => typeof outcome !== "string" && outcome.startError === BEING_WRITTEN,
  );
  const output =
    typeof result === "string" ? result : outputOf(result, command, config.group_command_timeout);
  if (typeof output !== "string") return output;
  const said = typeof result === "string" ? "" : textOf(result.stderr.chunks).trim();
  const more = said === "" ? "" : `; it said: ${said.slice(0, MAX_SAID)}`;
  log({ event: "group-command-fail", error: `${output}${more}`, path: command });
  throw new CtrlExecError("busy", `Cannot find the groups: group_command ${output}`, {
    hint: "Groups of groups.d can be used without it. ACTION=group-command-fail in the log says more.",
  });
}

/** A string says why it cannot be started. */
async function start(command: string, seconds: number): Promise<ProcessResult | string> {
  const judged = judgeProgram(command);
  if (judged.kind !== "good") return `cannot be used: ${judged.problem}; ${judged.remedy}`;
  return await runProcess({
    file: judged.real,
    calledAs: command,
    args: [],
    env: baseEnvironment(),
    input: "",
    timeoutMs: seconds * 1000,
    maxOutput: MAX_OUTPUT,
  });
}

/** A string says what is wrong. */
function outputOf(
  result: ProcessResult,
  command: string,
  seconds: number,
): ReadonlyMap<string, ListedGroup> | string {
  const { startError, timedOut, exit, signal, stdout } = result;
  if (startError !== undefined) {
    const known = shortageOf(startError) ?? startableProblem(command);
    const why = known === undefined ? wordsFor(startError) : `${known.problem}; ${known.remedy}`;
    return `cannot be started: ${why}`;
  }
  if (timedOut) return `took more than ${seconds} s`;
  if (exit === undefined) return `was ended by ${signal ?? "a signal"}`;
  if (exit !== 0) return `ended with status ${exit}`;
  if (stdout.dropped > 0) return `printed more than ${formatBytes(MAX_OUTPUT)}`;
  try {
    return readCommandOutput(Buffer.concat(stdout.chunks));
  } catch (thrown) {
    return `printed something that cannot be read: ${messageOf(thrown)}`;
  }
}

function textOf(chunks: readonly Uint8Array[]): string {
  return decodeText(Buffer.concat(chunks)).text;
}
