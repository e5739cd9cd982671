/** How far a run is, in one line of a terminal: `12 of 500 done, 3 failed, 488 out, 34s; slowest: web-[01-03]`. */
import { foldHosts } from "../../core/hosts/fold.ts";
import { RUN_OUTCOMES, type RunOutcome } from "../../core/run-outcome.ts";
import { forOneLine } from "../../core/text.ts";

export interface RunSoFar {
  /** Undefined if all hosts are asked at once. */
  readonly batch?: Batch | undefined;
  readonly total: number;
  readonly done: number;
  /** How many of those that are done ended in each way, in the words of the summary. */
  readonly outcomes: ReadonlyMap<RunOutcome, number>;
  readonly seconds: number;
  /** Hosts that are not done; those that were asked first come first. */
  readonly waitingFor: readonly string[];
}

/** The second of five has the number 2. */
export interface Batch {
  readonly number: number;
  readonly of: number;
  /** How many hosts are in the batches after it. */
  readonly toCome: number;
  /** What it is at, unless its hosts are asked. */
  readonly doing?: "ended" | "check" | "paused";
}

/** This many of the slowest are named if they fit; more if they fold into as little space. */
const NAMED = 3;
export const MAX_NAMED = 30;

/** @param width most columns */
export function progressLine(run: RunSoFar, width: number): string {
  const { waitingFor } = run;
  const all = heads(run);
  for (const least of waitingFor.length === 0 ? [] : [Math.min(NAMED, waitingFor.length), 1]) {
    for (const [head, mark] of all) {
      const names = slowest(waitingFor, least, width - head.length - mark.length);
      if (names !== undefined) return head + mark + names;
    }
  }
  const fitting = all.find(([head]) => head.length <= width) ?? all[0];
  return fitting[0].slice(0, width);
}

/** What comes before the names, and how they are introduced: the longest first. */
function heads({ batch, total, done, outcomes, seconds }: RunSoFar) {
  const parts = (...words: readonly string[]) => words.filter((word) => word !== "").join(", ");
  const failures = RUN_OUTCOMES.filter((word) => word !== "ok" && outcomes.has(word))
    .map((word) => `${outcomes.get(word)} ${word}`)
    .join(", ");
  const toCome = batch?.toCome ?? 0;
  const asked = total - done - toCome;
  const left = (count: number, word: string) => (count > 0 ? `${count} ${word}` : "");
  const out = parts(left(asked, "out"), left(toCome, "to come"));
  const doing = batch?.doing === undefined ? "" : ` (${batch.doing})`;
  const [long, short] =
    batch === undefined
      ? ["", ""]
      : [
          `batch ${batch.number} of ${batch.of}${doing}`,
          `batch ${batch.number}/${batch.of}${doing}`,
        ];
  return [
    [parts(long, `${done} of ${total} done`, failures, out, `${seconds}s`), "; slowest: "],
    [parts(short, `${done}/${total} done`, failures, out), "; "],
    [parts(short, `${done}/${total}`, failures), "; "],
  ] as const;
}

/** Folded, as many as fit; undefined if those are too few. */
function slowest(hosts: readonly string[], least: number, room: number): string | undefined {
  for (let count = Math.min(MAX_NAMED, hosts.length); count >= least; count--) {
    const names = forOneLine(foldHosts(hosts.slice(0, count)));
    if (Bun.stringWidth(names) <= room) return names;
  }
  return undefined;
}
