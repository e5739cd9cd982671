/** Explains what went wrong on the way to an agent, or with its answer, naming the host. */

import { CtrlExecError } from "../../core/errors.ts";
import { unreachable } from "../../system/net/dial.ts";
import { unregisteredHint } from "./target-hints.ts";
import type { ResolvedTarget } from "./targets.ts";

/**
 * @param address the address and port that were dialled
 * @param file this host's configuration
 * @returns what to throw instead; an error that needs no explanation is returned as it is
 */
export function agentProblem(
  thrown: unknown,
  target: ResolvedTarget,
  address: string,
  file: string,
): unknown {
  if (thrown instanceof CtrlExecError && thrown.code === "protocol") {
    return withName(thrown, target.label);
  }
  const hintFor = (code: string) => unregisteredHint(code, target, file);
  return unreachable(thrown, { listener: "agent", address: address, hintFor });
}

/** The same error, with the host's name in front. */
export function withName(cause: CtrlExecError, name: string): CtrlExecError {
  return new CtrlExecError("protocol", `${name} ${cause.message}`, { cause });
}

/** For an answer that is too large. */
export function droppedAnswer(
  {
    message: problem,
    hint = "No agent answers like that: see what is running there.",
  }: CtrlExecError,
  name: string,
  path: string,
  scriptHasRun: boolean,
): CtrlExecError {
  const dropped = `the answer of ${name} to ${path} was dropped: it ${problem}`;
  return new CtrlExecError("too-large", dropped, {
    hint: scriptHasRun ? `The script has run. ${hint}` : hint,
  });
}
