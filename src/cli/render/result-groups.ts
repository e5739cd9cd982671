/** Results that are alike: hosts with the same outcome and the same output, which share a block on the screen. */
import { compareHosts } from "../../core/hosts/fold.ts";
import { outputBytes } from "../../core/output-bytes.ts";
import type { OutputStream } from "../../core/run-event.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import { goesOn } from "../../core/run-state.ts";
import { collecting } from "../../system/memory.ts";

export interface ResultGroup {
  /** In the order of their hosts on every screen. */
  readonly results: readonly [RunResult, ...RunResult[]];
  /** The error of all of them: if their texts differ only by the host's own name, that is `<host>`. */
  readonly error: string | undefined;
}

/**
 * In the order in which they are shown: those that went well, those that are still running, those that failed; among
 * each the largest first. So what failed, and on the fewest hosts, comes last, where the prompt is.
 *
 * @param withOutput false if it is not shown: then neither what was printed nor the reason distinguishes hosts
 */
export function groupResults(results: readonly RunResult[], withOutput: boolean): ResultGroup[] {
  const groups = Map.groupBy(results, withOutput ? likeness : headline);
  return [...groups.values()].map(groupOf).sort(inOrder);
}

function groupOf(alike: readonly RunResult[]): ResultGroup {
  const sorted = alike.toSorted((a, b) => compareHosts(a.host, b.host));
  const [first] = sorted as [RunResult, ...RunResult[]];
  const isSame = sorted.every(({ error }) => error === first.error);
  const error = isSame || first.error === undefined ? first.error : withoutNames(first);
  return { results: [first, ...sorted.slice(1)], error };
}

function inOrder(a: ResultGroup, b: ResultGroup): number {
  const [left] = a.results;
  const [right] = b.results;
  return (
    rank(left) - rank(right) ||
    b.results.length - a.results.length ||
    compareHosts(left.host, right.host)
  );
}

function rank(result: RunResult): number {
  if (goesOn(result.state) && result.error === undefined) return 1;
  return runFailed(result) ? 2 : 0;
}

/** What a header says about it, except the host and the time. */
function headline(result: RunResult): string {
  return JSON.stringify([result.state, result.exit, runFailed(result)]);
}

/** Two results with the same text look the same. */
function likeness(result: RunResult): string {
  const { signal, timed_out, cancelled, cancelled_by, stdout_dropped, stderr_dropped } = result;
  const { stdout_unrecorded, stderr_unrecorded } = result;
  return JSON.stringify([
    headline(result),
    result.error === undefined ? null : withoutNames(result),
    ...[signal, timed_out, cancelled, cancelled_by, stdout_dropped, stderr_dropped],
    ...[stdout_unrecorded, stderr_unrecorded],
    ...[digest(result, "stdout"), digest(result, "stderr")],
  ]);
}

/**
 * Piece by piece: a long output is never held whole (T69). No host can print what another's block would hide, as
 * it could with a weaker digest.
 */
function digest(result: RunResult, stream: OutputStream): string {
  if (result[stream] === "") return "";
  const hasher = new Bun.CryptoHasher("sha256");
  for (const piece of collecting(outputBytes(result, stream))) hasher.update(piece);
  return hasher.digest("base64");
}

/**
 * A word that may be an address with its port; a longer one is not. Matched only from its beginning, so in linear
 * time.
 */
const WORD = /[\w.:%[\]-]+/g;
const MAX_ADDRESS = 300;
const ADDRESS = /^(?:\[[^\]]+\]|[\w.-]*[A-Za-z.][\w.-]*):\d{1,5}(?=[:.,]*$)/;

/** Fifty hosts that are down have one reason, although each error names its own host. */
function withoutNames({ error = "", host }: RunResult): string {
  const text = error.replace(WORD, (word) =>
    word.length > MAX_ADDRESS ? word : word.replace(ADDRESS, "<host>"),
  );
  return withoutWord(text, host);
}

/** Where the word is not part of another: `web` is not part of `webhost` or `web.example`. */
function withoutWord(text: string, word: string): string {
  if (word === "") return text;
  const kept: string[] = [];
  let start = 0;
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
    const end = at + word.length;
    const isPart =
      /[\w.-]/.test(text.charAt(at - 1)) || /^(?:[\w-]|\.\w)/.test(text.slice(end, end + 2));
    if (isPart) continue;
    kept.push(text.slice(start, at), "<host>");
    start = end;
  }
  return kept.join("") + text.slice(start);
}
