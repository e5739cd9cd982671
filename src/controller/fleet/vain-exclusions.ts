/** Tags and globs that should exclude hosts and match none: perhaps slips. Pure. */
import { type HostExpression, type HostTerm, unionOf } from "../../core/hosts/expression.ts";
import { tagText } from "../../core/tags.ts";
import type { VainExclusion } from "./host-choice.ts";
import { type Inventory, selectHosts } from "./selector.ts";
import { tagHint } from "./tag-hint.ts";

/** More are not checked. */
const MOST_TOLD = 10;
/** Characters. */
const MOST_SHOWN = 200;

export function vainExclusions(
  expression: HostExpression,
  inventory: Inventory,
): readonly VainExclusion[] {
  const vain: VainExclusion[] = [];
  for (const each of excluded(expression)) {
    if (vain.length >= MOST_TOLD) break;
    const text = textOf(each);
    const alone = unionOf([each]);
    if (text === undefined || selectHosts(alone, inventory).hosts.length > 0) continue;
    const term = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text;
    vain.push({ term, hint: tagHint(alone, inventory) });
  }
  return vain;
}

/** What follows each `!`. What comes from a group was not typed. */
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
  if (term.kind === "glob") return term.patterns.join(",") || undefined;
  if (term.kind !== "tags") return undefined;
  const conditions = term.conditions.map(
    ({ key, value, not }) => `${tagText(key)}${not ? "!=" : "="}${tagText(value)}`,
  );
  return `@${conditions.join(",")}`;
}
