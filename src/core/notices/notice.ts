/** What is told to whom a file of notify.d names (docs/API.md, "Notices"). Pure. */
import { bounded } from "./bounds.ts";
import type { NoticeNews } from "./news.ts";
import { summaryOf } from "./summary.ts";

export const NOTICE_VERSION = 1;

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
