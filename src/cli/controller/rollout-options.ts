/** How a run is done a few hosts at a time, as its options say. */
import type { BatchNews, RolloutNews } from "../../controller/runs/rollout-news.ts";
import { MAX_TYPED_SECONDS, typedSeconds } from "../../core/duration.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { hostCount } from "../../core/hosts/fold.ts";
import { sizeProblem } from "../../core/hosts/sample-size.ts";
import {
  batchProblem,
  parseBatch,
  parseMaxFailures,
  parsePerTag,
  perTagProblem,
  type RolloutSetting,
} from "../../core/rollout.ts";
import type { Io } from "../command/io.ts";
import type { RunView } from "../render/run-view.ts";
import type { HostOptions } from "./host-options.ts";
import { runIdArgument } from "./run-id.ts";

export interface RolloutOptions {
  readonly batch: string | undefined;
  readonly "max-failures": string | undefined;
  readonly pause: string | undefined;
  readonly confirm: boolean;
  readonly "per-tag": string | undefined;
  readonly check: string | undefined;
  readonly resume: string | undefined;
  readonly detach: boolean;
  readonly async: boolean;
  /** For hints. */
  readonly config?: string | undefined;
}

interface HostPort {
  readonly port: string | undefined;
}

/** A rollout that is resumed knows itself which hosts are left. @throws CtrlExecError `usage` */
export function checkResume(hosts: readonly string[], options: HostOptions & HostPort): void {
  const { except, limit, port } = options;
  if (hosts.length === 0 && except === undefined && limit === undefined && port === undefined)
    return;
  throw new CtrlExecError(
    "usage",
    "--resume knows its hosts and their ports: give the script alone",
    { hint: "See: ctrl-exec run --help" },
  );
}

/** @param view as soon as there is one */
export function rolloutOrder(
  { rollout, resume, confirm }: RolloutChoice,
  io: Io,
  view: () => RunView,
) {
  const ask = async (next: BatchNews, stopped: AbortSignal) => {
    const question = () => confirmBatch(io, next, stopped);
    return await (view().aside?.(question) ?? question());
  };
  const onNews = (news: RolloutNews) => view().tell?.(news);
  return { rollout, resume, onNews, confirm: confirm ? ask : undefined };
}

async function confirmBatch(
  io: Io,
  { batch, of, hosts }: BatchNews,
  stopped: AbortSignal,
): Promise<boolean> {
  // Loaded only if a person is asked.
  const { askYesNo } = await import("../command/prompt.ts");
  return await askYesNo(
    io,
    `Go on with batch ${batch} of ${of} (${hostCount(hosts.length)})? [y/N] `,
    stopped,
  );
}

export interface RolloutChoice {
  readonly rollout: Partial<RolloutSetting>;
  readonly confirm: boolean;
  readonly resume: string | undefined;
}

/**
 * Undefined if it is a run on all of its hosts at once.
 *
 * @param canAsk whether there is a terminal with somebody at it
 * @throws CtrlExecError `usage`
 */
export function rolloutChoice(options: RolloutOptions, canAsk: boolean): RolloutChoice | undefined {
  const { batch, pause, confirm, check, resume, ...others } = options;
  const { "max-failures": failures, "per-tag": perTag } = others;
  if (batch === undefined && perTag === undefined && resume === undefined) {
    const given = { "max-failures": failures, pause, confirm: confirm || undefined, check };
    const [alone] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
    if (alone === undefined) return undefined;
    throw usage(`--${alone} goes with --batch, --per-tag or --resume`, "--batch 1,10%,100%");
  }
  if (confirm && (others.detach || others.async)) {
    throw usage("--confirm asks on this terminal, and does not go with --detach", "--pause 30s");
  }
  if (confirm && !canAsk) {
    throw usage("--confirm asks on a terminal, and there is none", "--pause 30s");
  }
  const rollout = {
    ...read("batch", batch, parseBatch, "1,10%,100%", batchProblem),
    ...read("max_failures", failures, parseMaxFailures, "3, or --max-failures 5%", sizeProblem),
    ...read("pause", pause, seconds, "30s, or --pause 5m"),
    ...read("per_tag", perTag, parsePerTag, "rack=1", perTagProblem),
    ...read(
      "check",
      check,
      (name) => name || undefined,
      "health",
      () => "a script has a name",
    ),
  };
  const id =
    resume === undefined
      ? undefined
      : runIdArgument(resume, "ctrl-exec run --resume <reqid> <script>", others.config);
  return { rollout, confirm, resume: id };
}

function seconds(text: string): number | undefined {
  const time = typedSeconds(text);
  return time !== undefined && time <= MAX_TYPED_SECONDS ? time : undefined;
}

function read<Name extends keyof RolloutSetting>(
  name: Name,
  text: string | undefined,
  parse: (text: string) => RolloutSetting[Name] | undefined,
  example: string,
  why?: (text: string) => string,
): Partial<RolloutSetting> {
  if (text === undefined) return {};
  const value = parse(text);
  const option = `--${name.replace("_", "-")}`;
  if (value === undefined) {
    const reason = why === undefined ? "" : `: ${why(text)}`;
    throw usage(`${option} does not take "${text}"${reason}`, `${option} ${example}`);
  }
  return { [name]: value };
}

function usage(message: string, example: string): CtrlExecError {
  return new CtrlExecError("usage", message, { hint: `For example ${example}.` });
}
