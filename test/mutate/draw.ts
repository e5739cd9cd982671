/** Which sites are tried, in an order that a seed brings back. */
import { randomOf } from "../fuzz/random.ts";
import type { Change, Site } from "./change.ts";

/**
 * Every site, in the seed's order. A site's turn hangs on the seed and on itself alone, so that a change
 * elsewhere in the sources moves no other site.
 */
export function shuffled(sites: readonly Site[], seed: string): Site[] {
  const turn = ({ file, start }: Site) => randomOf(seed, file, start).below(2 ** 32);
  return sites
    .map((site) => ({ site, at: turn(site) }))
    .sort((a, b) => a.at - b.at || a.site.start - b.site.start)
    .map(({ site }) => site);
}

/** The changes of a site in the seed's order: the first that compiles is the one that is tried. */
export function changesOf({ file, start, changes }: Site, seed: string): Change[] {
  const turn = (change: Change) => randomOf(seed, file, start, change.replacement).below(2 ** 32);
  return changes
    .map((change) => ({ change, at: turn(change) }))
    .sort((a, b) => a.at - b.at)
    .map(({ change }) => change);
}

/**
 * Whether a site is wanted.
 *
 * @param wanted folders or files of the checkout, or one line as "file:line"
 */
export function isWanted({ file, line }: Pick<Site, "file" | "line">, wanted: readonly string[]) {
  return wanted.some(
    (one) => file === one || file.startsWith(`${one}/`) || `${file}:${line}` === one,
  );
}
