/** Every group with its hosts, for people. */
import { asCtrlExecError, type CtrlExecError } from "../../core/errors.ts";
import { type GroupOrigin, type HostExpression, unionOf } from "../../core/hosts/expression.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { ignoredClaim } from "../fleet/host-tags.ts";
import { readInventory } from "../fleet/read-inventory.ts";
import { type Inventory, selectHosts } from "../fleet/selector.ts";
import { unknownMessage } from "../fleet/unknown-message.ts";
import type { HostContext } from "../store/host.ts";
import type { GroupDefinition } from "./definition.ts";
import { expandGroups } from "./expand-groups.ts";
import type { Groups } from "./group-files.ts";
import { impossibleExclusion, impossibleNames } from "./impossible-names.ts";

export interface ShownGroup {
  readonly name: string;
  readonly from: GroupOrigin;
  /** The file, or `group_command`. */
  readonly where: string;
  /** In the order in which the group names them; none if it cannot be used. */
  readonly hosts: readonly string[];
  /** Why it cannot be used. */
  readonly problem: string | undefined;
  /** Names in it, or in a group in it, that no host can have: they are left out. Absent if there are none. */
  readonly impossible?: readonly string[];
}

type Expanded = { readonly group: GroupDefinition } & (
  | { readonly expression: HostExpression }
  | { readonly error: CtrlExecError }
);

/**
 * @param wanted those of them that are shown
 * @throws CtrlExecError `config` if the registry cannot be read
 */
export async function groupsWithHosts(
  host: HostContext,
  groups: Groups,
  wanted: readonly GroupDefinition[],
): Promise<ShownGroup[]> {
  const expanded = wanted.map((group) => expand(host, group, groups));
  const terms = expanded.flatMap((each) => ("expression" in each ? each.expression : []));
  const inventory = await readInventory(host, unionOf(terms), new Map());
  return expanded.map((each) => shown(each, inventory));
}

function expand({ config }: HostContext, group: GroupDefinition, groups: Groups): Expanded {
  const term = { kind: "group", name: group.name } as const;
  try {
    const expression = expandGroups(unionOf([term]), (name) => groups.get(name), config.file);
    const error = ignoredClaim(config, expression) ?? impossibleExclusion(expression);
    return error === undefined ? { group, expression } : { group, error };
  } catch (thrown) {
    return { group, error: asCtrlExecError(thrown) };
  }
}

function shown(expanded: Expanded, inventory: Inventory): ShownGroup {
  const { name, from, where } = expanded.group;
  const facts = { name, from, where };
  if ("error" in expanded) return { ...facts, hosts: [], problem: expanded.error.message };
  const { hosts, unknown, unseen } = selectHosts(expanded.expression, inventory);
  const names = hosts.map((each) =>
    each.port === undefined ? each.name : formatHostPort(each.name, each.port),
  );
  const problem = unknown.length === 0 ? undefined : unknownMessage(unknown, unseen);
  const impossible = impossibleNames(expanded.expression);
  const more = impossible.length === 0 ? {} : { impossible };
  return { ...facts, hosts: names, problem, ...more };
}
