/** Leaves notices in the spool, one for each receiver that wants them. */
import { hostname } from "node:os";
import { messageOf } from "../../core/errors.ts";
import type { NoticeNews } from "../../core/notices/news.ts";
import { noticeOf } from "../../core/notices/notice.ts";
import { newRequestId } from "../../core/request-id.ts";
import { isDenied } from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import type { PendingNews } from "../store/ports/notices.ts";
import type { Receiver } from "./receiver-file.ts";
import { usableReceivers } from "./receivers.ts";

/** Never rejects: what cannot be left is logged. */
export async function leaveNotices(host: HostContext, all: readonly NoticeNews[]): Promise<void> {
  const { log, now } = host;
  const receivers = await usableReceivers(host);
  const since = now();
  for (const news of all) {
    const pending = { id: newRequestId(), since, news };
    for (const receiver of receivers) {
      try {
        await leaveIn(host, receiver, pending);
      } catch (thrown) {
        // A process that may only read here sends nothing.
        if (isDenied(thrown)) return;
        const reason = messageOf(thrown);
        log({ event: "notice-drop", count: 1, reason, receiver: receiver.name });
      }
    }
  }
}

/** For one receiver, if it wants it. To do it again changes nothing. @throws CtrlExecError `storage` or `config` */
export async function leaveIn(
  { store, log }: HostContext,
  { name: receiver, kinds }: Receiver,
  { id, since, news }: PendingNews,
): Promise<void> {
  const { kind } = news;
  if (!kinds.has(kind)) return;
  const body = JSON.stringify(noticeOf(news, { id, time: since, host: hostname() }));
  const count = await store.notices.add({ id, kind, receiver, since }, body);
  const reason = "too many wait for this receiver: refused joins go first, then the oldest";
  if (count > 0) log({ event: "notice-drop", count, reason, receiver });
}
