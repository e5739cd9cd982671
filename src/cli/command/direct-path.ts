/** Paths that a caller with lent rights names, to their own files (T62). */
import { realpathSync } from "node:fs";
import { resolve } from "node:path";

/**
 * The path without `..`, or undefined if there is a link on it: with either, a path to the caller's own file through
 * one of root's folders would reveal whether that folder exists.
 *
 * @throws the system's error if there is nothing at the path
 */
export function directPath(path: string): string | undefined {
  const direct = resolve(path);
  return realpathSync(direct) === fromRealTop(direct) ? direct : undefined;
}

/** An entry of / may be a link, as /home is on some systems: only root can make one there. */
function fromRealTop(path: string): string {
  const [top = path] = /^\/[^/]+(?=\/)/.exec(path) ?? [];
  return realpathSync(top) + path.slice(top.length);
}
