/** Which hosts a request names, as data: what parse-expression.ts reads and controller/fleet/selector.ts answers. */

import type { NodeSet } from "./node-set.ts";
import type { FactTerm } from "./tag-term.ts";

/** Terms joined by operators, which are applied from left to right, all with the same precedence. */
export interface HostExpression {
  readonly kind: "expression";
  readonly first: HostTerm;
  readonly steps: readonly Step[];
}

export interface Step {
  readonly operator: HostOperator;
  readonly term: HostTerm;
}

/** As ClusterShell also writes them. */
export const HOST_OPERATORS = { ",": "union", "&": "intersection", "!": "without" } as const;
export type HostOperator = (typeof HOST_OPERATORS)[keyof typeof HOST_OPERATORS];

export type HostTerm =
  /** `web-01`, `web-01:7450`, an address: a host that need not be registered. */
  | { readonly kind: "host"; readonly name: string; readonly port: number | undefined }
  /** `web-[01-20]`: registered hosts, each of which must exist. */
  | { readonly kind: "nodes"; readonly set: NodeSet; readonly port: number | undefined }
  /** `web-*`: the registered hosts that match one of the patterns. */
  | {
      readonly kind: "glob";
      readonly patterns: readonly string[];
      readonly port: number | undefined;
    }
  /** `@all`: every registered host. */
  | { readonly kind: "all" }
  /** `@stale`: those that did not learn this control host's serial in time. */
  | { readonly kind: "stale" }
  /** `@expiring=30d`: those whose certificate ends within this many seconds. */
  | { readonly kind: "expiring"; readonly seconds: number }
  /** `@failed=<reqid>`: those where that run failed. `@missed=<reqid>`: those from which it has no result. */
  | { readonly kind: "failed" | "missed"; readonly reqid: string }
  | GroupTerm
  /** `@role=db,env!=test`, `@version<1.1`: those of which this is known to be true. */
  | FactTerm
  | HostExpression;

const NOBODY: HostTerm = { kind: "glob", patterns: [], port: undefined };

/** All hosts that match any of the terms; none if there are no terms. */
export function unionOf([first = NOBODY, ...others]: readonly HostTerm[]): HostExpression {
  const steps = others.map((term) => ({ operator: "union", term }) as const);
  return { kind: "expression", first, steps };
}

/** Whether it is answered from the record of a run. */
export function hasRun(term: HostTerm): term is HostTerm & { readonly reqid: string } {
  return term.kind === "failed" || term.kind === "missed";
}

/** `@@frontends`: the hosts of a group. */
export interface GroupTerm {
  readonly kind: "group";
  readonly name: string;
  /** All hosts that match any of these; undefined before the group is looked up, and if there is no such group. */
  readonly members?: readonly HostTerm[];
  /** Where it was found. */
  readonly from?: GroupOrigin;
  /** Names that it lists and no host can have. */
  readonly impossible?: readonly string[];
}

/** A file in groups.d, or the answer of group_command. */
export type GroupOrigin = "file" | "command";

/** Every term of the expression, including those in parentheses and in groups that were looked up, in order. */
export function* termsOf(term: HostTerm): Generator<Exclude<HostTerm, HostExpression>> {
  if (term.kind === "group" && term.members !== undefined) {
    for (const member of term.members) yield* termsOf(member);
    return;
  }
  if (term.kind !== "expression") {
    yield term;
    return;
  }
  yield* termsOf(term.first);
  for (const step of term.steps) yield* termsOf(step.term);
}
