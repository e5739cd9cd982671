/** What to say when no host has the tags of an expression: the nearest ones, or those that exist. Pure. */
import { type HostExpression, termsOf } from "../../core/hosts/expression.ts";
import { RESERVED_KEYS, type TagCondition } from "../../core/hosts/tag-term.ts";
import { tagText } from "../../core/tags.ts";
import { firstOf, nearestMatch } from "../../core/text.ts";
import type { Inventory } from "./selector.ts";

/** How many different keys, or values of a key, are compared: enough for a real fleet, however many agents claim. */
const MAX_COMPARED = 1000;
const MAX_SHOWN = 5;
const MAX_SHOWN_LENGTH = 64;

/** Undefined if some host has every tag that it names, or if it names none. */
export function tagHint(expression: HostExpression, inventory: Inventory): string | undefined {
  const wanted = [...termsOf(expression)].flatMap((term) =>
    term.kind === "tags" ? term.conditions.filter(({ not }) => !not) : [],
  );
  if (wanted.length === 0) return undefined;
  const used = tagsInUse(inventory, new Set(wanted.map(({ key }) => key)));
  const hints = wanted.flatMap((condition) => hintOf(condition, used.values) ?? []);
  const [hint] = hints;
  if (used.unknown === 0) return hint;
  const whose = used.unknown === 1 ? "one host" : `${used.unknown} hosts`;
  return [hint, `The tags of ${whose} are not known: discovery learns them.`].join("\n").trim();
}

interface TagsInUse {
  /** By key; only the values of the wanted keys. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
  /** How many hosts have tags that are not known. */
  readonly unknown: number;
}

function tagsInUse({ names, factsOf }: Inventory, wanted: ReadonlySet<string>): TagsInUse {
  const values = new Map<string, Set<string>>();
  let unknown = 0;
  for (const name of names) {
    const facts = factsOf(name);
    if (!facts.tagsKnown) unknown += 1;
    for (const [key, value] of facts.tags()) {
      const found = values.get(key) ?? new Set();
      if (wanted.has(key) && found.size < MAX_COMPARED) found.add(value);
      if (values.size < MAX_COMPARED || wanted.has(key)) values.set(key, found);
    }
  }
  return { values, unknown };
}

function hintOf(
  { key, value }: TagCondition,
  used: ReadonlyMap<string, ReadonlySet<string>>,
): string | undefined {
  const values = used.get(key);
  if (values === undefined) {
    const near = nearestMatch(key, [...used.keys(), ...RESERVED_KEYS]);
    if (near !== undefined) return `Did you mean @${quoted(near)}=${quoted(value)}?`;
    if (used.size === 0) return "No host has a tag that is known here.";
    return `No host has a tag ${quoted(key)}. There are: ${listed([...used.keys()])}`;
  }
  if (values.has(value)) return undefined;
  const near = nearestMatch(value, [...values]);
  if (near !== undefined) return `Did you mean @${quoted(key)}=${quoted(near)}?`;
  return `No host has that value of ${quoted(key)}. There are: ${listed([...values])}`;
}

function listed(texts: readonly string[]): string {
  return firstOf(texts.toSorted().map(quoted), MAX_SHOWN);
}

/** A long one is cut. */
function quoted(text: string): string {
  return tagText(text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}...` : text);
}
