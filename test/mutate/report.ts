/** What nobody noticed, as a table, and the figures below it. */
import type { Verdict } from "./judge.ts";

const MAX_CODE = 72;

function inOneLine(code: string): string {
  return code.replaceAll(/\s+/g, " ");
}

/** Cut in the middle when it is long. */
function shortened(line: string): string {
  if (line.length <= MAX_CODE) return line;
  const half = (MAX_CODE - 3) / 2;
  return `${line.slice(0, Math.ceil(half))}...${line.slice(-Math.floor(half))}`;
}

/** Where a change is and who noticed it; one that nobody did is shown. */
export function describe(verdict: Verdict): string {
  const { change, noticedBy, ran, reach } = verdict;
  const where = `${change.file}:${change.line}:${change.column}`;
  if (noticedBy !== undefined) return `${where}  ${noticedBy}`;
  const [was, is] = differing(inOneLine(change.before), inOneLine(change.after));
  return `${where}  nobody, ${ran} of ${reach} test files\n  - ${was}\n  + ${is}\n`;
}

export function report(verdicts: readonly Verdict[], passedOver: number): string {
  const missed = verdicts
    .filter(({ noticedBy }) => noticedBy === undefined)
    .sort(({ change: a }, { change: b }) => a.file.localeCompare(b.file) || a.start - b.start);
  const noticed = verdicts.length - missed.length;
  const share = verdicts.length === 0 ? 0 : (100 * noticed) / verdicts.length;
  return [
    ...missed.map(describe),
    `${verdicts.length} changes, ${noticed} noticed (${share.toFixed(1)} %), ${missed.length} not`,
    `${passedOver} more did not compile and were passed over`,
  ].join("\n");
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
