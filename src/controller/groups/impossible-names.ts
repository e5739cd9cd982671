/**
 * Names in the groups of group_command that no host here can have, such as Ansible's `db_1`: they are left out of their
 * group. Nobody knows which host is meant, so such a group cannot leave out hosts: one of those would be asked. Pure.
 */
import { CtrlExecError } from "../../core/errors.ts";
import type { GroupTerm, HostTerm } from "../../core/hosts/expression.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import { firstOf } from "../../core/text.ts";

const MAX_SHOWN = 5;

/** Such a group after a `!`, also within another group. @returns undefined if there is none */
export function impossibleExclusion(expression: HostTerm): CtrlExecError | undefined {
  for (const { group, isLeftOut } of groupsWithSuch(expression, false)) {
    if (!isLeftOut) continue;
    const what = `Cannot leave out ${typedGroup(group.name)}`;
    const why = `no host can have the name ${shownNames(group.impossible ?? [])}`;
    const message = `${what}: ${why}, so it is not known which host is meant`;
    return new CtrlExecError("unusable", message, {
      hint: "Name the hosts to leave out, or define the group in groups.d, which wins.",
      remoteMessage: message,
      remoteHint: "Name the hosts to leave out.",
    });
  }
  return undefined;
}

/** Those of all groups in the expression, none twice. */
export function impossibleNames(expression: HostTerm): readonly string[] {
  const groups = [...groupsWithSuch(expression, false)];
  return [...new Set(groups.flatMap(({ group }) => group.impossible ?? []))];
}

/** As a person reads them. */
export function shownNames(names: readonly string[]): string {
  return firstOf(
    names.map((name) => JSON.stringify(name.length > 64 ? `${name.slice(0, 64)}...` : name)),
    MAX_SHOWN,
  );
}

function* groupsWithSuch(
  term: HostTerm,
  isLeftOut: boolean,
): Generator<{ readonly group: GroupTerm; readonly isLeftOut: boolean }> {
  if (term.kind === "group") {
    if ((term.impossible ?? []).length > 0) yield { group: term, isLeftOut };
    for (const member of term.members ?? []) {
      // Of a hundred thousand members nearly all are hosts.
      if (member.kind !== "host") yield* groupsWithSuch(member, isLeftOut);
    }
  }
  if (term.kind !== "expression") return;
  yield* groupsWithSuch(term.first, isLeftOut);
  for (const { operator, term: other } of term.steps) {
    yield* groupsWithSuch(other, isLeftOut || operator === "without");
  }
}
