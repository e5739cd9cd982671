/**
 * The control host's new serial, as a rotation announces it: a run of `update-ctrl-exec-serial`.
 *
 * The agent stores it itself, whatever scripts.conf and `script_dirs` say about that name: a missing entry, or
 * one that still names 0.8's script, must not cost this host its control host at the next rotation. Only a
 * program with another name, the administrator's own, runs instead.
 */
import { basename, parse } from "node:path";
import type { AgentConfig } from "../../core/config/agent-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { UPDATE_SERIAL_SCRIPT } from "../../core/reserved-script.ts";
import type { AllowedScript } from "../scripts/allowlist.ts";
import { judgeAllowedScript } from "../scripts/run-script.ts";
import { storeNewSerial } from "./store-serial.ts";

/** @param entry the allowlist's entry of that name */
export function agentTakesSerial(
  name: string,
  entry: AllowedScript | undefined,
  config: Pick<AgentConfig, "script_dirs">,
): boolean {
  if (name !== UPDATE_SERIAL_SCRIPT) return false;
  if (entry === undefined || isUsualName(entry.path)) return true;
  return judgeAllowedScript(entry, config).kind !== "good";
}

/** 0.8 installed its script under the name of this program's link. */
function isUsualName(path: string): boolean {
  return parse(path).name === UPDATE_SERIAL_SCRIPT;
}

/** What the result of the run says. */
export interface SerialResult {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function takeSerial(config: AgentConfig, args: readonly string[]): SerialResult {
  try {
    const serial = storeNewSerial(config, args);
    return { exit: 0, stdout: `serial updated to ${serial}\n`, stderr: "" };
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError)) throw thrown;
    const { message, hint } = thrown;
    return { exit: 1, stdout: "", stderr: [message, hint ?? []].flat().join("\n").concat("\n") };
  }
}

/** What is wrong with the entry, for the administrator of scripts.conf; undefined if nothing is. */
export function serialEntryProblem(
  entry: AllowedScript,
  config: Pick<AgentConfig, "script_dirs">,
): string | undefined {
  const { path } = entry;
  const usual = isUsualName(path);
  // script_dirs does not apply to this program.
  const judged = judgeAllowedScript(entry, usual ? { script_dirs: undefined } : config);
  if (judged.kind !== "good") return judged.problem;
  const isLink = parse(basename(judged.real)).name !== UPDATE_SERIAL_SCRIPT;
  return usual && !isLink ? `${path} is the script of 0.8, which no longer works` : undefined;
}
