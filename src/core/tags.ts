/** Tags: keys and values that distinguish hosts. The control host has its own, and agents claim others. */
import { CtrlExecError } from "./errors.ts";
import { jsonForScreen } from "./text.ts";

export type Tags = Readonly<Record<string, string>>;

/** A key that needs no quotes in an expression. */
export const TAG_KEY = /[\p{L}\p{N}_](?:[\p{L}\p{N}_./-]*[\p{L}\p{N}_])?/u;
const WHOLE_KEY = new RegExp(`^${TAG_KEY.source}$`, "u");

const MAX_KEY = 63;
const MAX_VALUE = 255;
/** For one host, by the control host itself. */
export const MAX_OWN_TAGS = 64;
/** Characters of JSON of what one agent claims; a control host keeps no more. */
export const MAX_CLAIMED_JSON = 4096;

/** No character that a terminal obeys, and no line break. */
const PRINTABLE = /^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]*$/u;

/** What is set, and what is removed; no key is in both. */
export interface TagChanges {
  readonly set: Tags;
  readonly remove: readonly string[];
}

/**
 * Reads `env=production`, `role-`.
 * @throws CtrlExecError `usage`
 */
export function readTagChanges(words: readonly string[]): TagChanges {
  const set = new Map<string, string>();
  const remove = new Set<string>();
  for (const word of words) {
    const [, key, value] = /^([^=]*)=([\s\S]*)$/.exec(word) ?? [];
    const removed = key === undefined && word.endsWith("-") ? word.slice(0, -1) : undefined;
    const named = key ?? removed;
    if (named === undefined) throw unreadable(word, "it is neither key=value nor key-");
    if (!WHOLE_KEY.test(named) || named.length > MAX_KEY) throw unreadable(word, KEY_RULE);
    if (set.has(named) || remove.has(named)) throw unreadable(word, `${named} is given twice`);
    if (value === undefined) remove.add(named);
    else if (value === "") throw unreadable(word, `it has no value; ${named}- removes the tag`);
    else if (value.length > MAX_VALUE || !PRINTABLE.test(value)) {
      throw unreadable(word, `a value has at most ${MAX_VALUE} characters, in one line`);
    } else set.set(named, value);
  }
  return { set: Object.fromEntries(set), remove: [...remove] };
}

const KEY_RULE = `a key has letters, digits and _./- between them, at most ${MAX_KEY}`;

function unreadable(word: string, why: string): CtrlExecError {
  const shown = word.length > 80 ? `${word.slice(0, 80)}...` : word;
  return new CtrlExecError("usage", `Cannot read the tag "${shown}": ${why}`, {
    hint: "For example: ctrl-exec tag web-01 env=production role-",
  });
}

/** Undefined if that leaves them as they are. Those that remain keep their order. */
export function changedTags(before: Tags, { set, remove }: TagChanges): Tags | undefined {
  const kept = Object.entries(before).filter(([key]) => !remove.includes(key));
  const after = Object.fromEntries([...kept, ...Object.entries(set)]);
  const isSame =
    Object.keys(after).length === Object.keys(before).length &&
    Object.entries(after).every(([key, value]) => tagIn(before, key) === value);
  return isSame ? undefined : after;
}

/** Whatever the key is: `constructor` is a tag only if somebody made it one. */
export function tagIn(tags: Tags, key: string): string | undefined {
  return Object.hasOwn(tags, key) ? tags[key] : undefined;
}

const PLAIN = /^[\p{L}\p{N}_./:+-]+$/u;

/** Whether a key or a value means itself without quotes, in an expression and in every shell. */
export function isPlainTag(text: string): boolean {
  return PLAIN.test(text);
}

/** Whether `tag` accepts it as a key. Such a key cannot look like an option either, whoever chose it. */
export function isTagKey(text: string): boolean {
  return text.length <= MAX_KEY && WHOLE_KEY.test(text);
}

/** A key or a value as a person reads it: in quotes if it could be taken for something else, and safe on a screen (T74). */
export function tagText(text: string): string {
  return isPlainTag(text) ? text : jsonForScreen(JSON.stringify(text));
}

/** Tags that a program gives. @throws CtrlExecError `bad-request` */
export function readTagSet(tags: Readonly<Record<string, string>>): Tags {
  try {
    return readTagChanges(Object.entries(tags).map(([key, value]) => `${key}=${value}`)).set;
  } catch (thrown) {
    if (!(thrown instanceof CtrlExecError)) throw thrown;
    throw new CtrlExecError("bad-request", thrown.message, { cause: thrown });
  }
}
