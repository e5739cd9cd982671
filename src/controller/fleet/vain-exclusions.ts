/** Tags, globs and groups that should exclude hosts and match none: perhaps slips. Pure. */
import {
  type GroupTerm,
  type HostExpression,
  type HostTerm,
  termsOf,
  unionOf,
} from "../../core/hosts/expression.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import { typedHost } from "../../core/net/socket-address.ts";
import { tagText } from "../../core/tags.ts";
import type { ChoiceNote } from "./host-choice.ts";
import { type Inventory, selectHosts } from "./selector.ts";
import { tagHint } from "./tag-hint.ts";

/** More are not checked. */
const MOST_TOLD = 10;
/** Characters. */
const MOST_SHOWN = 200;

/** @param expression what was typed, with its groups looked up */
export function vainExclusions(
  typed: HostExpression,
  expression: HostExpression,
  inventory: Inventory,
): readonly ChoiceNote[] {
  const vain: ChoiceNote[] = [];
  const named = namesIn(typed);
  for (const each of excluded(expression)) {
    if (vain.length >= MOST_TOLD) break;
    const text = textOf(each);
    const alone = unionOf([each]);
    if (text === undefined) continue;
    // Whom it may mean is left out as well.
    const { hosts } = selectHosts(alone, inventory);
    if (
      hosts.some(
        ({ name, port }) =>
          named.has(typedHost(name)) || inventory.registeredAs(name, port).length > 0,
      )
    )
      continue;
    const term = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text;
    vain.push({ text: `excludes no host: ${term}`, hint: tagHint(alone, inventory) });
  }
  return vain;
}

/** A group may have hosts that are not registered, which leave out those that were typed. */
function namesIn(typed: HostExpression): ReadonlySet<string> {
  const terms = [...termsOf(typed)];
  return new Set(terms.flatMap((term) => (term.kind === "host" ? typedHost(term.name) : [])));
}

/** What follows each `!`: a group as a whole, since its members were not typed. */
function* excluded(term: HostTerm, isLeftOut = false): Generator<HostTerm> {
  if (term.kind !== "expression") {
    if (isLeftOut) yield term;
    return;
  }
  // Of an intersection, the whole is what is left out.
  const isUnion = term.steps.every(({ operator }) => operator === "union");
  yield* excluded(term.first, isLeftOut && isUnion);
  for (const { operator, term: other } of term.steps) {
    yield* excluded(other, operator === "without" || (isLeftOut && isUnion));
  }
}

/** Undefined for other kinds: it is normal that no host is stale, and a name that belongs to no host is refused. */
function textOf(term: HostTerm): string | undefined {
  if (term.kind === "group") return isNormallyEmpty(term) ? undefined : typedGroup(term.name);
  if (term.kind === "glob") return term.patterns.join(",") || undefined;
  if (term.kind !== "tags") return undefined;
  const conditions = term.conditions.map(
    ({ key, value, not }) => `${tagText(key)}${not ? "!=" : "="}${tagText(value)}`,
  );
  return `@${conditions.join(",")}`;
}

/** A group of hosts in some state may well have none. */
function isNormallyEmpty(group: GroupTerm): boolean {
  const kinds = [...termsOf(group)].map(({ kind }) => kind);
  return kinds.length > 0 && kinds.every((kind) => STATES.includes(kind));
}

const STATES: readonly HostTerm["kind"][] = ["stale", "expiring", "version"];
