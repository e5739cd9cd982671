/** Leaves notices in the spool, one for each receiver that wants them. */
import { hostname } from "node:os";
import { messageOf } from "../../core/errors.ts";
import type { ControlEvent } from "../../core/events.ts";
import { newsOf, noticeOf } from "../../core/notices/notice.ts";
import { newRequestId } from "../../core/request-id.ts";
import { isDenied } from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import { readReceivers } from "./receivers.ts";

/** Never rejects: what cannot be left is logged. */
export async function leaveNotices(
  host: HostContext,
  events: readonly ControlEvent[],
): Promise<void> {
  const { config, store, log, now } = host;
  const { receivers, problems } = await readReceivers(config);
  // The receivers for whom they were meant do not learn of this.
  for (const msg of problems) log({ event: "config-warn", key: "notify.d", msg });
  const since = now();
  for (const news of newsOf(events)) {
    const wanting = receivers.filter(({ kinds }) => kinds.has(news.kind));
    const id = newRequestId();
    const body = JSON.stringify(noticeOf(news, { id, time: since, host: hostname() }));
    for (const { name: receiver } of wanting) {
      try {
        const count = await store.notices.add({ id, kind: news.kind, receiver, since }, body);
        const reason = "too many wait for this receiver, and the oldest goes first";
        if (count > 0) log({ event: "notice-drop", count, reason, receiver });
      } catch (thrown) {
        // A process that may only read here sends nothing.
        if (isDenied(thrown)) return;
        log({ event: "notice-drop", count: 1, reason: messageOf(thrown), receiver });
      }
    }
  }
}
