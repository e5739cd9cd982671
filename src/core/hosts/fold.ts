/**
 * Folds host names into node sets: web-01, web-02, web-03 and db become `db,web-[01-03]`. expandNodeSet() turns what
 * it writes back into the same names.
 */
import { lowerAscii } from "../net/host-name.ts";
import { counted } from "../text.ts";

/** A number with more digits does not count hosts, and would not fit in a number. */
const MAX_DIGITS = 9;

/** A name in parts: text and digits alternately, with text first and last. */
type Parts = readonly string[];

/**
 * The names as one text, in order: by their texts, then by their numbers. Names that occur twice are written once.
 * IPv6 addresses stay as they are, and so does a port at the end of a name.
 */
export function foldHosts(names: readonly string[]): string {
  return foldedHosts(names).join(",");
}

/** If there are more in one sentence, they are folded. */
const MAX_NAMED = 5;

/** Hosts within a sentence: `web-01, db-01`, or if there are many `db-01, web-[01-20]`; not yet safe for a screen. */
export function namedHosts(hosts: readonly string[]): string {
  return (hosts.length > MAX_NAMED ? foldedHosts(hosts) : hosts).join(", ");
}

/** `1 host`, `20 hosts` */
export function hostCount(count: number): string {
  return counted(count, "host");
}

/** The names folded as a list, for screens that wrap it. */
export function foldedHosts(names: readonly string[]): string[] {
  const alike = new Map<string, Parts[]>();
  for (const name of new Set(names)) {
    const parts = partsOf(name);
    const key = parts.filter((_, index) => index % 2 === 0).join("\0");
    const others = alike.get(key);
    if (others === undefined) alike.set(key, [parts]);
    else others.push(parts);
  }
  const keys = [...alike.keys()].sort(byText);
  return keys.flatMap((key) => foldAlike(alike.get(key) ?? []));
}

/** The order of names on every screen: web-2 before web-10. */
export function compareHosts(a: string, b: string): number {
  return compareParts(partsOf(a), partsOf(b));
}

function compareParts(left: Parts, right: Parts): number {
  for (const [index, part] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order = index % 2 === 0 ? byText(part, other) : byNumber(part, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/**
 * Names with the same texts. Those that differ only in their last number become one; then those that differ only in
 * the number before it, whatever the last has become; and so on.
 */
function foldAlike(names: readonly Parts[]): string[] {
  let folded = names;
  const digits = (names[0]?.length ?? 1) - 1;
  for (let position = digits - 1; position > 0; position -= 2) {
    const groups = new Map<string, { readonly parts: Parts; readonly numbers: string[] }>();
    for (const parts of folded) {
      const key = parts.with(position, "").join("\0");
      const group = groups.get(key) ?? { parts, numbers: [] };
      group.numbers.push(parts[position] ?? "");
      groups.set(key, group);
    }
    folded = [...groups.values()].map(({ parts, numbers }) =>
      parts.with(position, bracketed(numbers)),
    );
  }
  return [...folded].sort(compareParts).map((parts) => parts.join(""));
}

function bracketed(numbers: readonly string[]): string {
  const [only, ...more] = numbers;
  if (only !== undefined && more.length === 0) return only;
  return `[${rangesOf(numbers).join(",")}]`;
}

/**
 * All numbers of a range have the same number of digits if any of them begins with a zero. So 10 follows 09 if that
 * exists, or otherwise 9.
 */
function rangesOf(numbers: readonly string[]): string[] {
  const waiting = new Set(numbers);
  const sorted = [...waiting].sort(byNumber);
  const ranges: { readonly first: string; readonly text: string }[] = [];
  for (const first of [...sorted.filter(isPadded), ...sorted]) {
    if (!waiting.delete(first)) continue;
    let last = first;
    for (;;) {
      const next = after(last, isPadded(first));
      if (next === undefined || !waiting.delete(next)) break;
      last = next;
    }
    ranges.push({ first, text: first === last ? first : `${first}-${last}` });
  }
  return ranges.sort((a, b) => byNumber(a.first, b.first)).map(({ text }) => text);
}

function isPadded(number: string): boolean {
  return number.length > 1 && number.startsWith("0");
}

/** Undefined if no number with the same number of digits follows. */
function after(number: string, padded: boolean): string | undefined {
  const next = String(Number(number) + 1);
  if (!padded) return next;
  return next.length > number.length ? undefined : next.padStart(number.length, "0");
}

function partsOf(name: string): Parts {
  // Several colons: IPv6, whose digits are hexadecimal.
  if (name.indexOf(":") !== name.lastIndexOf(":")) return [name];
  const [host = "", port] = name.split(":");
  const parts = host.split(/(\d+)/);
  const tail = port === undefined ? "" : `:${port}`;
  return joinLongNumbers(parts.with(-1, `${parts.at(-1) ?? ""}${tail}`));
}

/** Numbers that are too long count as text. */
function joinLongNumbers(parts: Parts): Parts {
  const long = parts.findIndex((part, index) => index % 2 === 1 && part.length > MAX_DIGITS);
  if (long < 0) return parts;
  const text = parts.slice(long - 1, long + 2).join("");
  return joinLongNumbers([...parts.slice(0, long - 1), text, ...parts.slice(long + 2)]);
}

function byText(a: string, b: string): number {
  const left = lowerAscii(a);
  const right = lowerAscii(b);
  if (left === right) return a < b ? -1 : Number(a > b);
  return left < right ? -1 : 1;
}

/** Digits, or brackets, which come where the first number in them would. */
function byNumber(a: string, b: string): number {
  const left = a.startsWith("[") ? firstIn(a) : a;
  const right = b.startsWith("[") ? firstIn(b) : b;
  return Number(left) - Number(right) || left.length - right.length || byText(a, b);
}

function firstIn(brackets: string): string {
  return /\d+/.exec(brackets)?.[0] ?? "";
}
