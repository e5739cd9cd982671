/** What nobody noticed, as a table, and the figures below it. */
import type { Verdict } from "./judge.ts";

const MAX_CODE = 72;

/** Code on one line, cut in the middle when it is long. */
export function shortened(code: string): string {
  const line = code.replaceAll(/\s+/g, " ");
  if (line.length <= MAX_CODE) return line;
  const half = (MAX_CODE - 3) / 2;
  return `${line.slice(0, Math.ceil(half))}...${line.slice(-Math.floor(half))}`;
}

export function describe({ change, noticedBy, ran, reach }: Verdict): string {
  const what = noticedBy === undefined ? `nobody, ${ran} of ${reach} test files` : noticedBy;
  return `${change.file}:${change.line}:${change.column}  ${what}`;
}

export function report(verdicts: readonly Verdict[], passedOver: number): string {
  const missed = verdicts
    .filter(({ noticedBy }) => noticedBy === undefined)
    .sort(({ change: a }, { change: b }) => a.file.localeCompare(b.file) || a.start - b.start);
  const noticed = verdicts.length - missed.length;
  const share = verdicts.length === 0 ? 0 : (100 * noticed) / verdicts.length;
  return [
    ...missed.map(row),
    `${verdicts.length} changes, ${noticed} noticed (${share.toFixed(1)} %), ${missed.length} not`,
    `${passedOver} more did not compile and were passed over`,
  ].join("\n");
}

function row(verdict: Verdict): string {
  const { before, after } = verdict.change;
  const [was, is] = differing(before.replaceAll(/\s+/g, " "), after.replaceAll(/\s+/g, " "));
  return `${describe(verdict)}\n  - ${was}\n  + ${is}\n`;
}

/** Both texts, cut to what is around the difference when they are long. */
function differing(before: string, after: string): [string, string] {
  if (Math.max(before.length, after.length) <= MAX_CODE) return [before, after];
  let same = 0;
  while (before[same] === after[same] && same < before.length) same += 1;
  const from = Math.max(0, same - MAX_CODE / 2);
  const cut = (text: string) => shortened((from > 0 ? "..." : "") + text.slice(from));
  return [cut(before), cut(after)];
}
