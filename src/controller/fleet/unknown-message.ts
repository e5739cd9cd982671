/** The names in an expression that nobody knows, in words. Pure. */
import { typedGroup } from "../../core/hosts/group-name.ts";
import type { Unknown } from "./selector.ts";

const MAX_SHOWN = 5;

/** @param unseen how many others may be unknown too */
export function unknownMessage(unknown: readonly Unknown[], unseen = 0): string {
  const shown = unknown.slice(0, MAX_SHOWN).map(({ what, name, group }) => {
    const written = what === "group" ? typedGroup(name) : name;
    return `${what} ${written}${group === undefined ? "" : ` of group ${typedGroup(group)}`}`;
  });
  const more = unknown.length + unseen - shown.length;
  const most = unseen > 0 ? "up to " : "";
  return `Cannot find ${shown.join(", ")}${more > 0 ? ` and ${most}${more} more` : ""}: nothing is registered under that name`;
}
