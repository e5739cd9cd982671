/** What is known of a host, and whether a term such as `@stale` or `@role=db` is true of it. Pure. */
import type { HostTerm } from "../../core/hosts/expression.ts";
import type { TagCondition, VersionOperator } from "../../core/hosts/tag-term.ts";
import { compareVersions, type Version } from "../../core/version-order.ts";

/** About a registered host. */
export interface HostFacts {
  readonly stale: boolean;
  /** Until its certificate ends; undefined if it is not known. */
  readonly secondsLeft: number | undefined;
  /** The version of its program; undefined if it is not known, or cannot be compared. */
  readonly version: Version | undefined;
  /** The value of a tag; undefined if the host has none with that key, or it is not known. */
  tag(key: string): string | undefined;
  /** All tags of the host that are known. */
  tags(): Iterable<readonly [key: string, value: string]>;
  /** Whether all of its tags are known, so that any other tag is missing. */
  readonly tagsKnown: boolean;
}

/** The terms that are decided by what is known about each host. */
export type WordTerm = Exclude<
  HostTerm,
  { readonly kind: "expression" | "host" | "nodes" | "glob" | "group" | "failed" | "missed" }
>;

/**
 * What is true of a host, or may be, as far as is known: who is asked must be known to be meant, and who is left out
 * need only perhaps be.
 */
export type Bound = "sure" | "perhaps";

export function isTrueFor(term: WordTerm, facts: HostFacts, bound: Bound = "sure"): boolean {
  switch (term.kind) {
    case "all":
      return true;
    case "stale":
      return facts.stale;
    case "expiring":
      return facts.secondsLeft !== undefined && facts.secondsLeft <= term.seconds;
    case "tags":
      return term.conditions.every((condition) => hasTag(condition, facts, bound));
    case "version":
      if (facts.version === undefined) return bound === "perhaps";
      return ORDERS[term.operator](compareVersions(facts.version, term.version));
  }
}

const ORDERS: Readonly<Record<VersionOperator, (order: number) => boolean>> = {
  "<": (order) => order < 0,
  "<=": (order) => order <= 0,
  "=": (order) => order === 0,
  ">=": (order) => order >= 0,
  ">": (order) => order > 0,
};

/**
 * A tag that is missing differs from every value. But if nobody knows a host's tags, neither `env=production` nor
 * `env!=production` is true of it: it must not be asked because something was forgotten.
 */
function hasTag({ key, value, not }: TagCondition, facts: HostFacts, bound: Bound): boolean {
  const found = facts.tag(key);
  if (found === undefined) return facts.tagsKnown ? not : bound === "perhaps";
  return (found === value) !== not;
}
