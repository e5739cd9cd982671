/**
 * What a file of join.d allows. A host may join with a token if one rule allows its name, its address, the token's tags and,
 * where it takes over a registered name, that. Pure.
 */
import type { AddressPrefix } from "./net/address-list.ts";
import { lowerAscii } from "./net/host-name.ts";
import type { Tags } from "./tags.ts";
import { matchesWildcard, wildcardsMeet } from "./wildcard.ts";

export interface JoinRule {
  /** The name of its file, without `.toml`. */
  readonly rule: string;
  /** Patterns, in lower case. */
  readonly names: readonly string[];
  /** Undefined: any. */
  readonly networks: readonly AddressPrefix[] | undefined;
  /** Patterns of keys, and of the values that each may have. */
  readonly tags: readonly (readonly [key: string, values: readonly string[]])[];
  /** Whether a registered name may be taken over without its key. */
  readonly replace: boolean;
}

/** What a token bounds, and gives. */
export interface TokenBounds {
  readonly name?: string | undefined;
  readonly tags?: Tags | undefined;
  readonly replace?: boolean | undefined;
}

/**
 * Why the rule lets no host join with such a token, whichever it is; undefined if it may let one.
 *
 * @param meetsNetworks whether one of the token's networks has an address in common with the rule's
 */
export function tokenProblem(
  rule: JoinRule,
  meetsNetworks: boolean,
  token: TokenBounds,
): string | undefined {
  const { name, replace } = token;
  if (name !== undefined && !rule.names.some((each) => wildcardsMeet(each, lowerAscii(name)))) {
    return "other names";
  }
  if (!meetsNetworks) return "other networks";
  if (replace === true && !rule.replace) return "no --replace";
  return tagProblem(rule, token);
}

/**
 * Why the rule does not let this host join with the token; undefined if it does. Whether it takes over a registered name is
 * not looked at.
 *
 * @param isInNetworks whether it calls from one of the rule's
 */
export function hostProblem(
  rule: JoinRule,
  hostname: string,
  isInNetworks: boolean,
  token: TokenBounds,
): string | undefined {
  const name = lowerAscii(hostname);
  if (!rule.names.some((pattern) => matchesWildcard(pattern, name))) return "other names";
  if (!isInNetworks) return "other networks";
  return tagProblem(rule, token);
}

function tagProblem(rule: JoinRule, { tags = {} }: TokenBounds): string | undefined {
  const other = Object.entries(tags).find((tag) => !isAllowed(rule, tag));
  return other === undefined ? undefined : `no tag ${other[0]}=${other[1]}`;
}

/** Of the tags that a name has, those that a host may have that takes it over by this rule. */
export function tagsAllowed(rule: JoinRule, tags: Tags = {}): Tags | undefined {
  const allowed = Object.entries(tags).filter((tag) => isAllowed(rule, tag));
  return allowed.length === 0 ? undefined : Object.fromEntries(allowed);
}

function isAllowed(rule: JoinRule, [key, value]: readonly [key: string, value: string]): boolean {
  return rule.tags.some(([keys, values]) => {
    return matchesWildcard(keys, key) && values.some((each) => matchesWildcard(each, value));
  });
}
