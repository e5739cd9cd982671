/**
 * Tags that hosts have, for the shells' completions. Agents claim them: nothing is offered that a shell would obey
 * (T78).
 */
import type { FleetWords } from "../../controller/inventory/fleet-words.ts";
import { isPlainTag, isTagKey } from "../../core/tags.ts";
import { unquoted } from "./completed-hosts.ts";

/** As for `tag`: `env=`, and then `env=production`. */
export function completedTag(typed: string, { tags }: FleetWords): string[] {
  const [, key] = /^([^=]*)=/.exec(unquoted(typed)) ?? [];
  if (key === undefined) return keysOf(tags);
  return [...(tags.get(key) ?? [])]
    .filter((value) => isTagKey(key) && isPlainTag(value))
    .sort()
    .map((value) => `${key}=${value}`);
}

/** As for `--per-tag`: `rack=`, and after a comma another. */
export function completedBound(typed: string, { tags }: FleetWords): string[] {
  const text = unquoted(typed);
  const before = text.slice(0, text.lastIndexOf(",") + 1);
  return keysOf(tags).map((word) => before + word);
}

function keysOf(tags: FleetWords["tags"]): string[] {
  return [...tags.keys()]
    .filter(isTagKey)
    .sort()
    .map((key) => `${key}=`);
}
