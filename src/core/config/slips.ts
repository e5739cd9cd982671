/** Names in a configuration file that were meant to be others. Pure. */
import { lowerAscii } from "../net/host-name.ts";
import { nearestMatch } from "../text.ts";

/**
 * The known name that an unknown one was most likely meant to be. A setting that was mistyped must not be passed
 * over: without its hook or its `allowed_ips`, a program would allow what it was told to refuse (T28).
 *
 * Closer than the guess in a hint has to be: files of other versions have keys that are unknown here.
 */
export function slipOf(typed: string, known: readonly string[]): string | undefined {
  const usual = lowerAscii(typed).replaceAll("-", "_");
  if (known.includes(usual)) return usual;
  return nearestMatch(usual, known, Math.min(3, Math.max(1, Math.floor(typed.length / 4))));
}
