/**
 * What is kept of a host's reports, as a row of the database: never more than the limits below, whatever the host
 * sends (T69).
 */
import { isArrayOfText, isRecordOfText } from "../../core/json.ts";
import { MAX_CLAIMED_JSON } from "../../core/tags.ts";
import type { HostNews, KnownHost, Learned } from "./ports/learned.ts";

/**
 * Characters. With these limits, 10,000 hosts that report as much as they can take up 200 MB, 40 of which are read.
 */
const MAX_VERSION = 64;
const MAX_SCRIPTS_JSON = 16_384;

/**
 * Times are in milliseconds; the time of a column that was never reported is NULL. Tags that were too long are NULL,
 * with a time. Scripts come last: a reader of the other columns does not read their pages.
 */
export const SCHEMA = `
CREATE TABLE host (
  name TEXT NOT NULL UNIQUE, contact INTEGER NOT NULL, version TEXT, version_at INTEGER,
  tags TEXT, tags_at INTEGER, scripts_at INTEGER, scripts TEXT
);
`;

export const KNOWN_COLUMNS = "rowid, name, contact, version, version_at, tags, tags_at";

export const LEARN = `
INSERT INTO host (name, contact, version, version_at, tags, tags_at, scripts, scripts_at)
VALUES ($name, $contact, $version, $version_at, $tags, $tags_at, $scripts, $scripts_at)
ON CONFLICT (name) DO UPDATE SET
  contact = excluded.contact,
  version = iif(excluded.version_at IS NULL, version, excluded.version),
  version_at = coalesce(excluded.version_at, version_at),
  tags = iif(excluded.tags_at IS NULL, tags, excluded.tags),
  tags_at = coalesce(excluded.tags_at, tags_at),
  scripts = iif(excluded.scripts_at IS NULL, scripts, excluded.scripts),
  scripts_at = coalesce(excluded.scripts_at, scripts_at)
RETURNING ${KNOWN_COLUMNS}`;

/** Of a row that is written. */
export function valuesOf(name: string, { version, tags, scripts }: HostNews, now: number) {
  const at = (value: unknown) => (value === undefined ? null : now);
  const known = version === "" ? undefined : version?.slice(0, MAX_VERSION);
  return {
    $name: name,
    $contact: now,
    $version: known ?? null,
    $version_at: at(known),
    $tags: tags === undefined ? null : tagsJson(tags),
    $tags_at: at(tags),
    $scripts: scripts === undefined ? null : scriptsJson(scripts),
    $scripts_at: at(scripts),
  };
}

/** All or none: if tags were cut, nobody could tell that one is missing. */
function tagsJson(tags: Readonly<Record<string, string>>): string | null {
  const json = JSON.stringify(tags);
  return json.length > MAX_CLAIMED_JSON ? null : json;
}

/** The first ones that fit: they are shown and suggested, and decide nothing. */
function scriptsJson(names: readonly string[]): string {
  let length = 2;
  const kept = names.findIndex((name) => {
    length += JSON.stringify(name).length + 1;
    return length > MAX_SCRIPTS_JSON;
  });
  return JSON.stringify(kept < 0 ? names : names.slice(0, kept));
}

export interface KnownRow {
  readonly rowid: number;
  readonly name: string;
  readonly contact: number;
  readonly version: string | null;
  readonly version_at: number | null;
  readonly tags: string | null;
  readonly tags_at: number | null;
}

/** Thousands of rows have the same few times and tags: each value is created once and shared. */
export function knownReader(): (row: KnownRow) => KnownHost {
  const timeOf = once((milliseconds: number) => new Date(milliseconds));
  const tagsOf = once((json: string | null) => (json === null ? "too long" : recordIn(json)));
  const learned = <Value>(at: number | null, value: () => Value): Learned<Value> | undefined =>
    at === null ? undefined : { value: value(), at: timeOf(at) };
  return ({ contact, version, version_at, tags, tags_at }) => ({
    contact: timeOf(contact),
    version: learned(version_at, () => version ?? ""),
    tags: learned(tags_at, () => tagsOf(tags)),
  });
}

function once<Key, Value>(make: (key: Key) => Value): (key: Key) => Value {
  const made = new Map<Key, Value>();
  return (key) => {
    const before = made.get(key);
    if (before !== undefined) return before;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

export function scriptsIn(json: string, at: number): Learned<readonly string[]> {
  const names: unknown = JSON.parse(json);
  return { value: isArrayOfText(names) ? names : [], at: new Date(at) };
}

function recordIn(json: string): Readonly<Record<string, string>> {
  const value: unknown = JSON.parse(json);
  if (!isRecordOfText(value)) throw new Error("it has tags that are not valid");
  return value;
}
