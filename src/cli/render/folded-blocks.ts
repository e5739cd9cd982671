/** The blocks of `--fold`: one for all hosts with the same outcome and the same output, under their folded names. */
import type { OwnSetting } from "../../core/config/controller-config.ts";
import { dropUndefined } from "../../core/json.ts";
import { OUTPUT_STREAMS } from "../../core/run-event.ts";
import { changeError, type RunResult, runFailed } from "../../core/run-result.ts";
import type { Io } from "../command/io.ts";
import { paint, takesColours } from "./colour.ts";
import { foldedHeading } from "./folded-heading.ts";
import { type Difference, OutputDiffs } from "./output-diff.ts";
import { groupResults, type ResultGroup } from "./result-groups.ts";
import { headerColumns, noteLine, noteLines, RunBlocks } from "./run-result.ts";

export interface FoldedAs {
  /** The largest block comes first, and for the others what is different. */
  readonly diff: boolean;
  /** Only headers. */
  readonly quiet: boolean;
  /** When the first of them started, and the last one ended. */
  readonly times?: boolean;
}

/** @param results of one run */
export async function showFolded(
  io: Io,
  own: OwnSetting,
  results: readonly RunResult[],
  { diff, quiet, times = false }: FoldedAs,
): Promise<void> {
  const groups = groupResults(results, !quiet);
  const [base, ...others] = diff ? largestFirst(groups) : groups;
  if (base === undefined) return;
  const blocks = new RunBlocks(io, own, io.outIsTerminal);
  const show = async (group: ResultGroup, shown: Shown) => {
    await blocks.showAll(shown.result, headingOf(io, own, group, { quiet, times }) + shown.notes);
  };
  const whole = ({ results: [result] }: ResultGroup) => {
    return { result: quiet ? withoutOutput(result) : result, notes: "" };
  };
  await show(base, whole(base));
  const diffs = diff ? new OutputDiffs(base.results[0]) : undefined;
  for (const group of others) {
    await show(group, diffs === undefined ? whole(group) : await changed(io, diffs, group));
  }
}

/** What follows a header. */
interface Shown {
  /** With the outputs as they are shown. */
  readonly result: RunResult;
  readonly notes: string;
}

function headingOf(
  io: Io,
  own: OwnSetting,
  group: ResultGroup,
  { quiet, times }: { readonly quiet: boolean; readonly times: boolean },
): string {
  const result = representative(group);
  const hosts = group.results.map(({ host }) => host);
  const columns = headerColumns(io, result, { running: true });
  const width = io.outIsTerminal ? io.columns : undefined;
  const header = foldedHeading(hosts, columns, width, runFailed(result));
  const more = { running: true, times };
  return quiet ? header : header + noteLines(result, own, io.outIsTerminal, more);
}

/**
 * One result for all of them: what they have in common, since when the first of them has been running, until when,
 * and how long they took.
 */
function representative({ results, error }: ResultGroup): RunResult {
  const [first] = results;
  const started = results.flatMap(({ started }) => started ?? []).sort()[0];
  const ended = results
    .flatMap(({ ended }) => ended ?? [])
    .sort()
    .at(-1);
  const times = dropUndefined({ started, ended });
  const result = { ...first, rtt: span(results), ...times };
  return error === undefined ? result : changeError(result, () => error);
}

/** `42ms`, or `12-90ms` */
function span(results: readonly RunResult[]): string {
  const times = results.flatMap(({ rtt }) => (/^\d+ms$/.test(rtt) ? Number.parseInt(rtt, 10) : []));
  if (times.length === 0) return "";
  const [least, most] = [Math.min(...times), Math.max(...times)];
  return least === most ? `${least}ms` : `${least}-${most}ms`;
}

function largestFirst(groups: readonly ResultGroup[]): readonly ResultGroup[] {
  const most = Math.max(0, ...groups.map(({ results }) => results.length));
  const largest = groups.filter(({ results }) => results.length === most).slice(0, 1);
  return [...largest, ...groups.filter((group) => !largest.includes(group))];
}

function withoutOutput({ stdout_b64, stderr_b64, ...result }: RunResult): RunResult {
  return { ...result, stdout: "", stderr: "" };
}

async function changed(io: Io, diffs: OutputDiffs, group: ResultGroup): Promise<Shown> {
  const [original] = group.results;
  // If the script has printed nothing because it never ran, that is not a difference.
  if (original.state !== "ended" && original.stdout === "" && original.stderr === "") {
    return { result: original, notes: "" };
  }
  let result = original;
  let notes = "";
  for (const stream of OUTPUT_STREAMS) {
    const difference = await diffs.against(original, stream);
    if (difference.kind === "nothing") continue;
    notes += noteLine(`DIFF: ${stream}${IN_WORDS[difference.kind]}${reasonIn(difference)}`);
    if (difference.kind === "none") continue;
    const text = difference.kind === "lines" ? coloured(io, difference.text) : "";
    const { [`${stream}_b64` as const]: _, ...others } = result;
    result = { ...others, [stream]: text } as RunResult;
  }
  return { result, notes };
}

const IN_WORDS = {
  same: " is the first block's",
  empty: " is empty",
  lines: ", from the first block",
  none: " whole: ",
} as const;

function reasonIn(difference: Difference): string {
  return difference.kind === "none" ? difference.why : "";
}

/** Each line has its own colour, and leaves none. */
function coloured(io: Io, text: string): string {
  if (!(io.outIsTerminal && takesColours(io))) return text;
  return text
    .split("\n")
    .map((line) => {
      if (line.startsWith("+")) return paint(io, "green", line);
      return line.startsWith("-") ? paint(io, "red", line) : line;
    })
    .join("\n");
}
