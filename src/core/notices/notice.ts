/**
 * What is told to whom a file of notify.d names (docs/API.md, "Notices"). It is made from the typed events alone, so that log,
 * metrics and notices cannot disagree; output, arguments and tokens are not in them, and so are not told (T27, T35). Pure.
 */
import type { ControlEvent } from "../events.ts";
import { forOneLine } from "../text.ts";

export const NOTICE_KINDS = ["run-failed", "rollout-stopped"] as const;

export type NoticeKind = (typeof NOTICE_KINDS)[number];

export const NOTICE_VERSION = 1;

/** What differs from kind to kind. Every text is one line, and bounded. */
export type NoticeNews =
  | {
      readonly kind: "run-failed";
      readonly reqid: string;
      readonly script: string;
      /** How many hosts failed. */
      readonly count: number;
      /** The first of them. */
      readonly hosts: readonly FailedHost[];
    }
  | {
      readonly kind: "rollout-stopped";
      readonly reqid: string;
      readonly script: string;
      readonly reason: string;
      /** How many hosts were not asked. */
      readonly not_asked: number;
    };

export interface FailedHost {
  readonly host: string;
  /** Whether the script ran there, as in a run's result. */
  readonly state: string;
  /** The script's status; null where it has none. */
  readonly exit: number | null;
  /** Why the agent could not be asked, in one word; null where it was. */
  readonly fault: string | null;
}

export type Notice = {
  readonly version: typeof NOTICE_VERSION;
  /** The same however often it is sent. */
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly control_host: string;
  /** For people. */
  readonly summary: string;
} & NoticeNews;

/** Hosts that a notice names: the rest is a number. */
const MOST_NAMED = 20;
/** Hosts that its summary names. */
const IN_SUMMARY = 3;
/** Of any text in it. A host's name may be longer, and is not cut. */
const LONGEST_TEXT = 300;

export function isToldOf(event: ControlEvent): boolean {
  if (event.event === "run") return event.exit !== 0;
  return event.event === "run-fail" || event.event === "rollout-stop";
}

/** One for all hosts of a run, among events that came at about the same time. */
export function newsOf(events: readonly ControlEvent[]): NoticeNews[] {
  const failed = new Map<string, FailedRun>();
  const stopped: NoticeNews[] = [];
  for (const event of events) {
    if (event.event === "rollout-stop") {
      stopped.push({
        kind: "rollout-stopped",
        reqid: event.reqid,
        script: bounded(event.script),
        reason: bounded(event.reason),
        not_asked: event.count,
      });
    } else if (event.event === "run-fail") {
      const { state, fault = null } = event;
      note(failed, event, { host: event.target, state, exit: null, fault });
    } else if (event.event === "run" && event.exit !== 0) {
      note(failed, event, { host: event.target, state: "ended", exit: event.exit, fault: null });
    }
  }
  const runs = [...failed].map(([reqid, { script, count, hosts }]) => {
    return { kind: "run-failed", reqid, script: bounded(script), count, hosts } as const;
  });
  return [...runs, ...stopped];
}

interface FailedRun {
  readonly script: string;
  count: number;
  readonly hosts: FailedHost[];
}

function note(
  runs: Map<string, FailedRun>,
  { reqid, script }: { readonly reqid: string; readonly script: string },
  host: FailedHost,
): void {
  const run = runs.get(reqid) ?? { script, count: 0, hosts: [] };
  run.count += 1;
  if (run.hosts.length < MOST_NAMED) run.hosts.push(host);
  runs.set(reqid, run);
}

/** @param id 16 hex digits */
export function noticeOf(
  news: NoticeNews,
  { id, time, host }: { readonly id: string; readonly time: Date; readonly host: string },
): Notice {
  const { kind, ...facts } = news;
  return {
    version: NOTICE_VERSION,
    id,
    kind,
    time: time.toISOString(),
    control_host: host,
    summary: bounded(summaryOf(news)),
    ...facts,
    // Their kinds belong together, which a spread does not show.
  } as Notice;
}

function summaryOf(news: NoticeNews): string {
  if (news.kind === "rollout-stopped") {
    const { script, reason, not_asked: left } = news;
    return `The rollout of ${script} stopped ${reason}; ${left} ${left === 1 ? "host was" : "hosts were"} not asked`;
  }
  const { script, count, hosts } = news;
  const named = hosts.slice(0, IN_SUMMARY).map(({ host }) => host);
  const more = count > named.length ? ` and ${count - named.length} more` : "";
  return `${script} failed on ${count} ${count === 1 ? "host" : "hosts"}: ${named.join(", ")}${more}`;
}

function bounded(text: string): string {
  const line = forOneLine(text);
  return line.length <= LONGEST_TEXT ? line : `${line.slice(0, LONGEST_TEXT - 3)}...`;
}
