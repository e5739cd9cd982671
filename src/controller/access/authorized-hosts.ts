/**
 * The hosts of a request, for callers whom the auth hook allows. What an expression stands for is decided before the
 * hook is asked (chosen-hosts.ts), and exactly what the hook has judged is called.
 */
import type { HostExpression } from "../../core/hosts/expression.ts";
import type { RunReader } from "../control-host.ts";
import { type HostChoice, readHostChoice } from "../fleet/host-choice.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { AuthRequest, Caller } from "./authorize.ts";
import { authorizedTargets } from "./authorized-targets.ts";

/**
 * @throws CtrlExecError `bad-request` for what cannot be read; `denied`; and after that `bad-request` if no host
 * matches, too many do, or a name is not known, and `config` if the registry cannot be read
 */
export async function authorizedHosts(
  controller: RunReader,
  caller: Caller,
  action: Omit<AuthRequest, "hosts">,
  choice: HostChoice,
): Promise<ResolvedTarget[]> {
  const { targets } = await authorizedChoice(controller, caller, action, choice);
  return targets;
}

export interface AuthorizedChoice {
  readonly targets: ResolvedTarget[];
  /** The expression by which they were chosen, with its groups looked up; undefined if each was named. */
  readonly expression: HostExpression | undefined;
}

/** The same, for callers who have to know why these hosts were chosen. */
export async function authorizedChoice(
  controller: RunReader,
  caller: Caller,
  action: Omit<AuthRequest, "hosts">,
  choice: HostChoice,
): Promise<AuthorizedChoice> {
  const read = readHostChoice(choice, controller.config.max_hosts);
  if (read.kind === "targets") {
    const targets = await authorizedTargets(controller, caller, action, read.targets);
    return { targets, expression: undefined };
  }
  // Loaded when needed: if hosts are named one by one, groups, tags and records of runs do not matter.
  const { chosenHosts } = await import("./chosen-hosts.ts");
  const chosen = await chosenHosts(controller, caller, read.expression, choice);
  const { hosts, expression, problem, notes } = chosen;
  const targets = await authorizedTargets(controller, caller, action, hosts, problem);
  if (choice.onNote !== undefined) for (const note of notes?.() ?? []) choice.onNote(note);
  return { targets, expression };
}
