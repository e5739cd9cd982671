/** Which results are shown, and how much of them: `--fold`, `--diff`, `--only`, `--quiet`. */
import type { OwnSetting } from "../../core/config/controller-config.ts";
import { type RunResult, runFailed } from "../../core/run-result.ts";
import type { Io } from "../command/io.ts";
import type { FoldedAs } from "./folded-blocks.ts";
import { RunBlocks } from "./run-result.ts";

export interface ShownAs extends FoldedAs {
  /** Hosts that are alike share a block; undefined if the terminal and the number of hosts decide. */
  readonly fold: boolean | undefined;
  readonly onlyFailed: boolean;
}

/** With more hosts, blocks and lines for each are more than anyone can read. */
export const MAX_UNFOLDED = 5;

/** @param hosts how many there are, whether they are shown or not */
export function isFolded({ outIsTerminal }: Io, hosts: number, { fold }: ShownAs): boolean {
  return fold ?? (outIsTerminal && hosts > MAX_UNFOLDED);
}

/** The results of a run that is not under way here. */
export async function showResults(
  io: Io,
  own: OwnSetting,
  results: readonly RunResult[],
  as: ShownAs,
): Promise<void> {
  const chosen = results.filter((result) => isChosen(result, as));
  if (isFolded(io, results.length, as)) {
    const { showFolded } = await import("./folded-blocks.ts");
    await showFolded(io, own, chosen, as);
  } else {
    const blocks = new RunBlocks(io, own, io.outIsTerminal, {
      running: true,
      times: as.times ?? false,
    });
    for (const result of chosen) {
      if (result.state !== "not-started") await showBlock(blocks, result, as);
    }
    await showLeft(io, own, blocks, chosen, as);
  }
  io.err(leftOut(results, as));
}

/**
 * The hosts that a rollout has not started share a block, even if the others have one each.
 *
 * @param blocks that were shown before
 */
export async function showLeft(
  io: Io,
  own: OwnSetting,
  blocks: RunBlocks,
  results: readonly RunResult[],
  as: ShownAs,
): Promise<void> {
  const left = results.filter(({ state }) => state === "not-started");
  if (left.length === 0) return;
  blocks.endLine();
  const { showFolded } = await import("./folded-blocks.ts");
  await showFolded(io, own, left, { ...as, diff: false });
}

export function isChosen(result: RunResult, { onlyFailed }: ShownAs): boolean {
  return !onlyFailed || runFailed(result);
}

export async function showBlock(
  blocks: RunBlocks,
  result: RunResult,
  { quiet }: ShownAs,
): Promise<void> {
  if (quiet) blocks.showHeader(result);
  else await blocks.showAll(result);
}

/** For stderr: how many are not shown; empty if all are. */
export function leftOut(results: readonly RunResult[], as: ShownAs): string {
  const count = results.filter((result) => !isChosen(result, as)).length;
  if (count === 0) return "";
  return `${count} of ${results.length} hosts did not fail: not shown\n`;
}
