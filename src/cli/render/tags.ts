/** The tags of hosts: this control host's own, and what their agents claim. */
import type { HostTags } from "../../controller/fleet/host-tags.ts";
import { tagText } from "../../core/tags.ts";
import { isoSeconds } from "../../core/time.ts";
import { age } from "./age.ts";

const MAX_LINE = 120;

/** In one cell: `env=production, claimed 2h ago: role=db`. */
export function tagsInOneLine({ own, claimed, claimedAt, tooLong }: HostTags, now: Date): string {
  const owned = pairs(own);
  const when = claimedAt === undefined ? "" : age(claimedAt, now);
  const claims = tooLong
    ? `claimed ${when} ago: too many`
    : `claimed ${when} ago: ${pairs(claimed)}`;
  const hasClaims = tooLong || Object.keys(claimed).length > 0;
  const line = [owned, hasClaims ? claims : ""].filter((part) => part !== "").join("; ");
  return line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}...` : line;
}

function pairs(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([key, value]) => pair(key, value))
    .join(" ");
}

/** As in an expression: `env=production`, `os="Debian 12"`. */
export function pair(key: string, value: string): string {
  return `${tagText(key)}=${tagText(value)}`;
}

/** A row for each tag: key, value, whether it is own or claimed, and how long ago it was claimed. */
export function tagRows(
  { own, claimed, claimedAt, tooLong }: HostTags,
  ignored: boolean,
  now: Date,
): readonly (readonly string[])[] {
  const when = claimedAt === undefined ? "" : age(claimedAt, now);
  const source = ignored ? "claimed, ignored" : "claimed";
  const rows = [
    ...Object.entries(own).map(([key, value]) => [key, value, "own", ""]),
    ...Object.entries(claimed).map(([key, value]) => [key, value, source, when]),
  ];
  if (tooLong) rows.push(["-", "", "claims too many", when]);
  else if (claimedAt === undefined) rows.push(["-", "", "claims not known", ""]);
  else if (rows.length === 0) rows.push(["-", "", "claims none", when]);
  return rows;
}

/** The same in JSON, for tag and list-agents. */
export interface TagsJson {
  readonly own_tags: Readonly<Record<string, string>>;
  /** Null if they are not known: never reported, or too many. */
  readonly claimed_tags: Readonly<Record<string, string>> | null;
  /** When they were reported, ISO 8601; empty if never. */
  readonly tags_learned: string;
}

export function tagsJson({ own, claimed, claimedAt, tooLong }: HostTags): TagsJson {
  return {
    own_tags: own,
    claimed_tags: claimedAt === undefined || tooLong ? null : claimed,
    tags_learned: claimedAt === undefined ? "" : isoSeconds(claimedAt),
  };
}
