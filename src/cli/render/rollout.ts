/** The messages about a rollout: its batches on stderr as they come, and why it stopped. */
import type { RolloutNews } from "../../controller/runs/rollout-news.ts";
import type { RunReport } from "../../controller/runs/run.ts";
import { configArgument, type OwnSetting } from "../../core/config/controller-config.ts";
import { hostCount, namedHosts } from "../../core/hosts/fold.ts";
import { resumeCommand, resuming } from "../../core/resuming.ts";
import type { RunReportSoFar } from "../../core/run-report.ts";
import { screenLine } from "../../core/text.ts";
import { outOf } from "./pending.ts";
import type { Batch } from "./progress-line.ts";

export function newsText(news: RolloutNews, own: OwnSetting): string {
  if (news.event === "batch") {
    return `batch ${news.batch} of ${news.of}: ${hostCount(news.hosts.length)}\n`;
  }
  if (news.event === "paused") {
    const command = `ctrl-exec continue ${news.reqid}${configArgument(own.file)}`;
    return screenLine`paused by ${news.by} before batch ${news.batch} of ${news.of}; to go on: ${command}\n`;
  }
  if (news.event === "continued") {
    const by = news.by === "" ? "" : ` by ${news.by}`;
    return screenLine`continued${by}: batch ${news.batch} of ${news.of} may begin\n`;
  }
  // Its results say the one, and the message at the end the other.
  if (news.event === "batch-end" || news.event === "stopped") return "";
  return checkText(news, own);
}

type CheckEnd = Omit<Extract<RolloutNews, { event: "check" }>, "event" | "reqid">;

/** How the check after a batch ended. */
export function checkText({ batch, script, failed, check }: CheckEnd, own: OwnSetting): string {
  if (failed.length === 0) return screenLine`check ${script} of batch ${batch}: ok\n`;
  const see = `ctrl-exec status ${check}${configArgument(own.file)}`;
  return screenLine`check ${script} of batch ${batch}: failed on ${namedHosts(failed)}; see: ${see}\n`;
}

type BatchEnd = Extract<RolloutNews, { event: "batch-end" }>;

/** @param size how many hosts are in the batch */
export function batchEndText({ batch, of, failed }: BatchEnd, size: number): string {
  return `batch ${batch} of ${of}: ${failed === 0 ? `${size} ok` : `${failed} of ${size} failed`}\n`;
}

interface Hand {
  readonly by: string;
  readonly since: string;
}

export function resumedText(hands: readonly Hand[]): string {
  const who = hands.map(({ by, since }) => `by ${by} at ${since}`).join(", ");
  return screenLine`Gone on with ${who}\n`;
}

function pausedText(reqid: string, { by, since }: Hand, own: OwnSetting): string {
  const command = `ctrl-exec continue ${reqid}${configArgument(own.file)}`;
  return screenLine`Paused by ${by} at ${since}. To go on: ${command}\n`;
}

export function checkOfText(reqid: string, own: OwnSetting): string {
  return screenLine`Check of rollout ${reqid}; see: ctrl-exec status ${reqid}${configArgument(own.file)}\n`;
}

/** Empty if it was cancelled in its pause. */
function continuedText({ continued, complete }: RunReportSoFar): string {
  if (continued !== undefined)
    return screenLine`Continued by ${continued.by} at ${continued.since}\n`;
  return complete ? "" : "Not paused any more\n";
}

/** Where a rollout is, or why it stopped; empty for any other run. */
export function whereText(run: RunReportSoFar, own: OwnSetting): string {
  const { rollout } = run;
  if (rollout === undefined) return "";
  const { batches, begun, stopped, checking, next_at } = rollout;
  const see = `ctrl-exec status ${checking}${configArgument(own.file)}`;
  if (stopped !== undefined) {
    const check = checking === undefined ? "" : `. Its check may go on; see: ${see}`;
    return screenLine`Stopped ${stopped}${check}\n`;
  }
  const batch = `Batch ${begun} of ${batches}`;
  if (checking !== undefined) return screenLine`${batch}: its check is under way; see: ${see}\n`;
  if (run.complete) return "";
  if (begun === 0) return `No batch of ${batches} has begun\n`;
  if (outOf(run).length > 0) return `${batch} is under way\n`;
  const next = next_at === undefined ? "" : `; the next begins at ${next_at}`;
  return screenLine`${batch} has ended${next}\n`;
}

/** The same in its line of progress; undefined for any other run, and as long as no batch has begun. */
export function batchOf(run: RunReportSoFar): Batch | undefined {
  const { rollout, results, paused } = run;
  if (rollout === undefined) return undefined;
  const toCome = results.filter(({ state }) => state === "queued").length;
  const batch = { number: rollout.begun, of: rollout.batches, toCome };
  if (outOf(run).length > 0) return batch;
  if (rollout.checking !== undefined) return { ...batch, doing: "check" };
  return { ...batch, doing: paused === undefined ? "ended" : "paused" };
}

/** For a detached rollout that nobody carries out: how it goes on. Empty for any other run. */
export function unattendedText(run: RunReportSoFar, own: OwnSetting): string {
  if (run.waits_for_api !== true) return "";
  const { reqid, results } = run;
  const text = `No ctrl-exec-api carries out rollout ${reqid}: it goes on when that runs. If it runs, ACTION=rollout-fail in the log says why it does not.\n`;
  if (!results.some(({ state }) => state === "queued")) return text;
  return `${text}To go on without it: ${resuming(run, own)}\n`;
}

/** How to resume a rollout with the hosts that are left; empty if there are none. */
export function leftText(run: RunReportSoFar, own: OwnSetting): string {
  const isLeft = run.results.some(({ state }) => state === "not-started");
  if (!isLeft) return "";
  const why = run.waits_for_token
    ? `Rollout ${run.reqid} was begun with a token, which is not kept.\n`
    : "";
  return `${why}To go on: ${resuming(run, own)}\n`;
}

/**
 * What a person is told about who controls a rollout while it is checked again and again: each piece of news once.
 *
 * @param say for stderr; called only if there is something new
 */
export function rolloutNotes(
  own: OwnSetting,
  say: (text: string) => void,
): (run: RunReportSoFar) => void {
  let pausedSince: string | undefined;
  let saidUnattended = false;
  return (run) => {
    const { reqid, paused } = run;
    const isNewPause = paused !== undefined && paused.since !== pausedSince;
    const wasPaused = paused === undefined && pausedSince !== undefined;
    pausedSince = paused?.since;
    const unattended = saidUnattended ? "" : unattendedText(run, own);
    saidUnattended ||= unattended !== "";
    const changed = isNewPause ? pausedText(reqid, paused, own) : "";
    const text = changed + (wasPaused ? continuedText(run) : "") + unattended;
    if (text !== "") say(text);
  };
}

/**
 * Why it stopped, and how to resume it; empty if it did not stop. @param hasArgs whether the script got any arguments
 */
export function stoppedText(
  { reqid, rollout }: RunReport,
  script: string,
  hasArgs: boolean,
  own: OwnSetting,
): string {
  if (rollout?.stopped === undefined) return "";
  const { stopped, not_started: left, checking } = rollout;
  const check =
    checking === undefined
      ? ""
      : `Its check was not waited for, and may go on; see: ctrl-exec status ${checking}${configArgument(own.file)}\n`;
  const why = screenLine`Stopped ${stopped}\n` + check;
  if (left === 0) return why;
  const args = hasArgs ? " -- ..." : "";
  const command = resumeCommand({ reqid, script }, own);
  return `${why}${hostCount(left)} not started. To go on: ${command}${args}\n`;
}

/** What has become of a rollout that was handed over when a signal came. */
export function stoppedHandOver(
  { reqid, isTaken }: { readonly reqid: string; readonly isTaken: boolean },
  own: OwnSetting,
): string {
  const option = configArgument(own.file);
  return isTaken
    ? `Stopped too late: rollout ${reqid} is taken, and goes on. To end it: ctrl-exec cancel ${reqid}${option}\n`
    : `Stopped: rollout ${reqid} was taken back, and is not carried out. See: ctrl-exec status ${reqid}${option}\n`;
}
