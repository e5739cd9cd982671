/** What went wrong on the way to an agent, or with its answer, in words that name the host. */

import { CtrlExecError } from "../../core/errors.ts";
import { unreachable } from "../../system/net/dial.ts";
import { unregisteredHint } from "./target-hints.ts";
import type { ResolvedTarget } from "./targets.ts";

/**
 * @param place the address and port that were dialled
 * @returns what to throw in its place; anything that needs no words of its own, as it is
 */
export function agentProblem(thrown: unknown, target: ResolvedTarget, place: string): unknown {
  if (thrown instanceof CtrlExecError && thrown.code === "protocol") {
    return withName(thrown, target.label);
  }
  const hintFor = (code: string) => unregisteredHint(code, target);
  return unreachable(thrown, { listener: "agent", address: place, hintFor });
}

/** The same, beginning with the host. */
export function withName(cause: CtrlExecError, name: string): CtrlExecError {
  return new CtrlExecError("protocol", `${name} ${cause.message}`, { cause });
}

/** Of an answer that is too much. */
export function droppedAnswer(
  { message: problem, hint = "No agent gives such an answer: see what runs there." }: CtrlExecError,
  name: string,
  path: string,
  scriptHasRun: boolean,
): CtrlExecError {
  const dropped = `the answer of ${name} to ${path} was dropped: it ${problem}`;
  return new CtrlExecError("too-large", dropped, {
    hint: scriptHasRun ? `The script has run. ${hint}` : hint,
  });
}
