/** A group as it was found, before the groups in it are looked up. Pure. */
import { CtrlExecError, messageOf } from "../../core/errors.ts";
import { type GroupOrigin, type HostTerm, termsOf } from "../../core/hosts/expression.ts";
import { MAX_NODES } from "../../core/hosts/node-set.ts";
import { parseHostExpression } from "../../core/hosts/parse-expression.ts";
import { parseTarget } from "../../core/net/host-name.ts";
import type { ListedGroup } from "../store/ports/groups.ts";
import { OTHERS, unusableGroup } from "./unusable-group.ts";

export interface GroupDefinition {
  readonly name: string;
  readonly from: GroupOrigin;
  /** The file, or the command. */
  readonly where: string;
  /** All that any of these stands for. @throws CtrlExecError `unusable` for what cannot be read */
  members(): readonly HostTerm[];
  /** Names that it lists and no host can have: its members are without them. @throws as members() */
  impossible?(): readonly string[];
}

/** Undefined if there is no such group. */
export type FindGroup = (name: string) => GroupDefinition | undefined;

/**
 * An expression of a group: anything that a person may type except the results of runs, which not everyone may read.
 * @throws CtrlExecError `bad-request`
 */
export function readGroupExpression(text: string): HostTerm {
  const expression = parseHostExpression(text);
  for (const { kind } of termsOf(expression)) {
    if (kind !== "failed" && kind !== "missed") continue;
    throw new CtrlExecError("bad-request", `a group cannot have @${kind} in it`);
  }
  return expression.steps.length === 0 ? expression.first : expression;
}

/** A group of group_command. If part of one group cannot be read, the others can still be used. */
export function listedDefinition(
  name: string,
  where: string,
  listed: ListedGroup,
): GroupDefinition {
  let found: Listed | CtrlExecError | undefined;
  const read = () => {
    found ??= readListed(name, where, listed);
    if (found instanceof CtrlExecError) throw found;
    return found;
  };
  return {
    name,
    from: "command",
    where,
    members: () => read().members,
    impossible: () => read().impossible,
  };
}

interface Listed {
  readonly members: readonly HostTerm[];
  readonly impossible: readonly string[];
}

function readListed(name: string, where: string, listed: ListedGroup): Listed | CtrlExecError {
  const { expressions, hosts, children } = listed;
  const count = expressions.length + hosts.length + children.length;
  const problem = (why: string) => unusableGroup(name, where, why, OTHERS);
  if (count > MAX_NODES) return problem(`it lists ${count}; at most ${MAX_NODES} can be named`);
  try {
    const named = hosts.map(hostNamed);
    const members = [
      ...expressions.map(readGroupExpression),
      ...named.filter((host) => host !== undefined),
      ...children.map((child) => ({ kind: "group", name: child }) as const),
    ];
    return { members, impossible: hosts.filter((_, index) => named[index] === undefined) };
  } catch (thrown) {
    return problem(messageOf(thrown));
  }
}

/** Ansible's names may be any text. Undefined for one that no host can have. */
function hostNamed(text: string): HostTerm | undefined {
  const target = parseTarget(text);
  return target && { kind: "host", ...target };
}
