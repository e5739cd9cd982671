/**
 * The options for how results are shown. Two that contradict each other are refused, and so are those that contradict
 * a dry run.
 */
import { CtrlExecError } from "../../core/errors.ts";
import type { ShownAs } from "../render/shown-results.ts";

export interface ShownOptions {
  readonly fold: boolean;
  readonly "no-fold": boolean;
  readonly diff: boolean;
  readonly only: string | undefined;
  readonly quiet: boolean;
}

/** At most one of each of these may be given, because obeying one would mean ignoring the other. */
const WAYS = ["live", "no-live", "json", "json-stream", "detach", "async"] as const;
const ELSEWHERE = ["live", "json", "json-stream", "detach", "async"] as const;
const APART: readonly (readonly [name: string, others: readonly string[]])[] = [
  ...WAYS.map((name) => [name, WAYS.filter((other) => other !== name)] as const),
  ["fold", [...ELSEWHERE, "no-live", "no-fold"]],
  ["no-fold", ELSEWHERE],
  ["diff", [...ELSEWHERE, "no-live", "no-fold", "quiet"]],
  ["only", ELSEWHERE],
  ["quiet", ELSEWHERE],
  ["output", ["detach", "async"]],
  // It has no results: nothing runs.
  [
    "dry-run",
    ["live", "no-live", "json-stream", "fold", "no-fold", "diff", "only", "quiet", "output"],
  ],
];

/**
 * @param given every option of the mode, also those that say nothing about this
 * @throws CtrlExecError `usage`
 */
export function shownAs(
  given: ShownOptions & Readonly<Record<string, unknown>>,
  mode: string,
): ShownAs {
  refuseTogether(given, mode);
  const { fold, "no-fold": noFold, diff, only, quiet } = given;
  if (only !== undefined && only !== "failed") {
    throw new CtrlExecError("usage", `--only takes failed, not "${only}"`, {
      hint: `See: ctrl-exec ${mode} --help`,
    });
  }
  const folding = noFold ? false : undefined;
  return { fold: fold || diff ? true : folding, diff, quiet, onlyFailed: only !== undefined };
}

function refuseTogether(given: Readonly<Record<string, unknown>>, mode: string): void {
  const isGiven = (name: string) => given[name] !== undefined && given[name] !== false;
  for (const [name, others] of APART) {
    const other = isGiven(name) ? others.find(isGiven) : undefined;
    if (other === undefined) continue;
    throw new CtrlExecError("usage", `--${name} and --${other} cannot be used together`, {
      hint: `See: ctrl-exec ${mode} --help`,
    });
  }
}
