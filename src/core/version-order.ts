/** The order of program versions: `0.8`, `1.0.3`, `1.1.0-rc.1`. */

/** At most four numbers, and after `-` a pre-release. What follows `+` does not affect the order. */
const VERSION =
  /^v?(\d{1,9}(?:\.\d{1,9}){0,3})(?:-([0-9A-Za-z]{1,32}(?:[.-][0-9A-Za-z]{1,32}){0,3}))?(?:\+[0-9A-Za-z.-]{1,64})?$/;

export interface Version {
  readonly numbers: readonly number[];
  /** What `rc.1` consists of; empty for a release. */
  readonly before: readonly string[];
}

/** Undefined if it is not a version. */
export function parseVersion(text: string): Version | undefined {
  const [, numbers, before] = VERSION.exec(text) ?? [];
  if (numbers === undefined) return undefined;
  return {
    numbers: numbers.split(".").map(Number),
    before: before === undefined ? [] : before.split(/[.-]/),
  };
}

/** Below 0 if the first is older. 1.1 is 1.1.0, and 1.1.0-rc.1 is older than both. */
export function compareVersions(a: Version, b: Version): number {
  for (let at = 0; at < Math.max(a.numbers.length, b.numbers.length); at++) {
    const order = (a.numbers[at] ?? 0) - (b.numbers[at] ?? 0);
    if (order !== 0) return order;
  }
  if (a.before.length === 0 || b.before.length === 0) return b.before.length - a.before.length;
  for (const [at, part] of a.before.entries()) {
    const other = b.before[at];
    if (other === undefined) return 1;
    const order = compareParts(part, other);
    if (order !== 0) return order;
  }
  return a.before.length - b.before.length;
}

/** As in semantic versioning: a number comes before a word, and rc.2 before rc.10. */
function compareParts(a: string, b: string): number {
  const [left, right] = [a, b].map((part) => (/^\d+$/.test(part) ? Number(part) : undefined));
  if (left !== undefined && right !== undefined) return left - right;
  if (left !== undefined) return -1;
  if (right !== undefined) return 1;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
