/** The names in an expression that nobody knows, in words. Pure. */
import { foldHosts } from "../../core/hosts/fold.ts";
import { typedGroup } from "../../core/hosts/group-name.ts";
import type { Unknown } from "./selector.ts";

const MAX_SHOWN = 5;
/** Characters of the folded names of one group. */
const MAX_FOLDED = 120;
/** More names are not folded, because that takes time. */
const MOST_FOLDED = 5000;

/** @param unseen how many others may be unknown too */
export function unknownMessage(unknown: readonly Unknown[], unseen = 0): string {
  const groups = [...Map.groupBy(unknown, placeOf).values()].slice(0, MAX_SHOWN).map(foldedGroup);
  const shown = groups.reduce((sum, { count }) => sum + count, 0);
  const more = unknown.length + unseen - shown;
  const names = groups.map(({ text }) => text).join(", ");
  const most = unseen > 0 ? "up to " : "";
  const rest = more > 0 ? ` and ${most}${more} more` : "";
  const which = unknown.length + unseen === 1 ? "that name" : "these names";
  return `Cannot find ${names}${rest}: nothing is registered under ${which}`;
}

/** Hosts that the same group names, or that were typed, are told together; anything else is told alone. */
function placeOf({ what, name, group }: Unknown): string {
  return what === "host" ? JSON.stringify([what, group]) : JSON.stringify([what, group, name]);
}

/** As many of them as are short enough together. */
function foldedGroup(unknown: readonly Unknown[]) {
  const [first] = unknown;
  const of = first?.group === undefined ? "" : ` of group ${typedGroup(first.group)}`;
  if (first?.what === "group") return { text: `group ${typedGroup(first.name)}${of}`, count: 1 };
  const names = unknown.map(({ name }) => name);
  let count = Math.min(names.length, MOST_FOLDED);
  let folded = foldHosts(names.slice(0, count));
  while (folded.length > MAX_FOLDED && count > 1) {
    count = Math.floor(count / 2);
    folded = foldHosts(names.slice(0, count));
  }
  return { text: `${first?.what}${count === 1 ? "" : "s"} ${folded}${of}`, count };
}
