/** Notices that nobody has taken. Whether the files of notify.d can be used is told in programs.ts. */
import { configArgument } from "../../../core/config/controller-config.ts";
import { namedHosts } from "../../../core/hosts/fold.ts";
import { opensslTime } from "../../../core/time.ts";
import { hasReceivers } from "../../notices/has-receivers.ts";
import type { HostContext } from "../../store/host.ts";
import { type Finding, looked, passed } from "./finding.ts";

/** A receiver that was restarted, or a maintain that comes every few hours, is not worth a line. */
const PATIENCE_MS = 6 * 3_600_000;

export async function noticeFindings(host: HostContext): Promise<readonly Finding[]> {
  return await looked("notices", async () => {
    const { config, now, store } = host;
    const name = "notices";
    const waiting = await store.notices.waiting();
    // What is damaged is told by whoever reads it.
    await store.notices.told();
    if (waiting.length === 0) {
      return hasReceivers(config) ? [passed(name, "none waits for its receiver")] : [];
    }
    const old = waiting.filter(({ since }) => since.getTime() < now().getTime() - PATIENCE_MS);
    const [first] = old;
    if (first === undefined) return [passed(name, `${waiting.length} wait, none of them for long`)];
    const receivers = [...new Set(old.map(({ receiver }) => receiver))];
    const detail = `${old.length} wait for ${namedHosts(receivers)}, the first since ${opensslTime(first.since)}`;
    const remedy = `to send them: ctrl-exec maintain${configArgument(config.file)}; the log says why a receiver did not take one: ACTION=notice-fail`;
    return [{ name, ok: false, detail, remedy }];
  });
}
