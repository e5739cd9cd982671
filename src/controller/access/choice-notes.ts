/** What a caller should know of the hosts that an expression has chosen, since it may be a slip. Pure. */
import { type HostExpression, termsOf } from "../../core/hosts/expression.ts";
import { namedHosts } from "../../core/hosts/fold.ts";
import type { ChoiceNote } from "../fleet/host-choice.ts";
import { type Inventory, type Selection, selectHosts } from "../fleet/selector.ts";
import { vainExclusions } from "../fleet/vain-exclusions.ts";
import { impossibleNames, shownNames } from "../groups/impossible-names.ts";

/** Characters. */
const MOST_SHOWN = 200;

/** @param expression what was typed, with its groups looked up */
export function choiceNotes(
  typed: HostExpression,
  expression: HostExpression,
  selection: Selection,
  inventory: Inventory,
): readonly ChoiceNote[] {
  const names = impossibleNames(expression);
  const impossible =
    names.length === 0
      ? []
      : [
          {
            text: `left out, since no host can have such a name: ${shownNames(names)}`,
            hint: undefined,
          },
        ];
  const notKnown = leftOutUnknown(expression, selection, inventory);
  return [...vainExclusions(typed, expression, inventory), ...notKnown, ...impossible];
}

/** The hosts that are left out only because their tags, or versions, are not known. */
function leftOutUnknown(
  expression: HostExpression,
  { hosts }: Selection,
  inventory: Inventory,
): readonly ChoiceNote[] {
  const kinds = new Set([...termsOf(expression)].map(({ kind }) => kind));
  if (!kinds.has("tags") && !kinds.has("version")) return [];
  const asked = new Set(hosts.map(({ name }) => name));
  const others = selectHosts(expression, inventory, "sure").hosts.map(({ name }) => name);
  const left = others.filter((name) => !asked.has(name));
  if (left.length === 0) return [];
  const what = ["tags", "version"].filter((kind) => kinds.has(kind as "tags")).join(" or ");
  const folded = namedHosts(left);
  const shown = folded.length > MOST_SHOWN ? `${folded.slice(0, MOST_SHOWN)}...` : folded;
  const count = left.length === 1 ? "one host" : `${left.length} hosts`;
  return [
    {
      text: `left out, since the ${what} of ${count} are not known: ${shown}`,
      hint: "discovery learns them.",
    },
  ];
}
