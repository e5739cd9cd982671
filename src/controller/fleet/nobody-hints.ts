/** What to say about versions and groups when no host matches an expression. Pure. */
import {
  type GroupTerm,
  type HostExpression,
  type HostTerm,
  termsOf,
} from "../../core/hosts/expression.ts";
import { hostCount } from "../../core/hosts/fold.ts";
import { type Inventory, selectHosts } from "./selector.ts";

/**
 * Whose versions are not known, as the beginning of a sentence; undefined if the expression asks for no version, or
 * all are known.
 */
export function unknownVersions(
  expression: HostExpression,
  { names, factsOf }: Inventory,
): string | undefined {
  const asks = [...termsOf(expression)].some(({ kind }) => kind === "version");
  if (!asks) return undefined;
  const unknown = names.filter((name) => factsOf(name).version === undefined).length;
  if (unknown === 0) return undefined;
  if (unknown === names.length) return "No host has reported its version";
  return unknown === 1
    ? "The version of one host is not known"
    : `The versions of ${hostCount(unknown)} are not known`;
}

/** The first group it names that has no hosts. */
export function emptyGroup(expression: HostExpression, inventory: Inventory): string | undefined {
  for (const group of groupsOf(expression)) {
    const alone: HostExpression = { kind: "expression", first: group, steps: [] };
    if (selectHosts(alone, inventory).hosts.length === 0) return group.name;
  }
  return undefined;
}

function* groupsOf(term: HostTerm): Generator<GroupTerm> {
  if (term.kind === "group") yield term;
  if (term.kind !== "expression") return;
  yield* groupsOf(term.first);
  for (const step of term.steps) yield* groupsOf(step.term);
}
