/** From the names of groups to their hosts. A group of groups.d wins over one of the same name from group_command. */
import { attemptValue } from "../../core/check.ts";
import { type FolderProblem, strayProblems } from "../../core/config/config-folder.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { type HostExpression, termsOf, unionOf } from "../../core/hosts/expression.ts";
import { listFolder } from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import { commandGroups, lastCommandGroups } from "./command-groups.ts";
import { expandGroups } from "./expand-groups.ts";
import { fileGroups, type Groups, groupFolder } from "./group-files.ts";

/**
 * The expression with what its groups stand for; a group that is not known stays as it is. group_command is asked
 * only if groups.d does not have all of them.
 *
 * @throws CtrlExecError if groups.d or group_command cannot be used, or one of the groups
 */
export async function withGroups(
  host: HostContext,
  expression: HostExpression,
): Promise<HostExpression> {
  if (!hasUnknown(expression)) return expression;
  const files = await fileGroups(host.config);
  const expanded = expandGroups(expression, (name) => files.get(name), host.config.file);
  if (!hasUnknown(expanded) || host.config.group_command === undefined) return expanded;
  const others = await commandGroups(host);
  return expandGroups(expression, (name) => files.get(name) ?? others.get(name), host.config.file);
}

/**
 * The same from what is available, for suggestions: nothing is started. If something cannot be read, its groups stay
 * as they are.
 */
export async function withKnownGroups(
  host: HostContext,
  expression: HostExpression,
): Promise<HostExpression> {
  if (!hasUnknown(expression)) return expression;
  const [files, others] = await lastGroups(host);
  return expandGroups(expression, (name) => files.get(name) ?? others.get(name), host.config.file);
}

function hasUnknown(expression: HostExpression): boolean {
  for (const { kind } of termsOf(expression)) if (kind === "group") return true;
  return false;
}

export interface AllGroups {
  readonly groups: Groups;
  /** Why those of group_command are missing. */
  readonly problem?: CtrlExecError;
}

/** @throws CtrlExecError `unusable` if groups.d is */
export async function allGroups(host: HostContext): Promise<AllGroups> {
  const files = await fileGroups(host.config);
  const others = await commandGroups(host).catch(asCtrlExecError);
  if (others instanceof CtrlExecError) return { groups: files, problem: others };
  return { groups: new Map([...others, ...files]) };
}

/**
 * Called when the API is started or reloaded: a file or a group of groups.d that cannot be used is reported before it
 * is needed.
 */
export async function groupProblems({ config }: HostContext): Promise<FolderProblem[]> {
  const found = (problem: unknown) => ({ folder: "groups.d", problem });
  const files = await fileGroups(config).catch(asCtrlExecError);
  if (files instanceof CtrlExecError) return [found(files)];
  const path = groupFolder(config);
  const unusable = [...files.keys()].flatMap((name) => {
    const group = unionOf([{ kind: "group", name }]);
    const find = (each: string) => files.get(each);
    const { problem } = attemptValue(() => expandGroups(group, find, config.file));
    return problem === undefined ? [] : [problem];
  });
  return [...unusable, ...strayProblems(path, listFolder(path))].map(found);
}

/** Names for suggestions: without starting anything, and none if they cannot be read. */
export async function knownGroupNames(host: HostContext): Promise<string[]> {
  const found = await lastGroups(host);
  return [...new Set(found.flatMap((groups) => [...groups.keys()]))].sort();
}

/** None if they cannot be read. */
async function lastGroups(host: HostContext): Promise<readonly [files: Groups, others: Groups]> {
  return await Promise.all([fileGroups(host.config), lastCommandGroups(host)]).catch(() => [
    new Map(),
    new Map(),
  ]);
}
