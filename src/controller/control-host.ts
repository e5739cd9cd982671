/** What the use-cases of the control host need besides its store: those that read runs, and those that call agents. */

import { type ReplyAccount, ReplyBudget } from "../core/reply-budget.ts";
import { dialSetting } from "./fleet/dial-setting.ts";
import type { FleetDialler } from "./fleet/fan-out.ts";
import type { KeptDialler } from "./fleet/kept-dialler.ts";
import type { LiveCounts } from "./metrics/live-counts.ts";
import type { LiveNotices } from "./notices/live-notices.ts";
import type { HostContext } from "./store/host.ts";
import { loadCredentials } from "./trust/credential.ts";

/** What a use-case that reads runs needs, and that calls no agent. */
export interface RunReader extends HostContext {
  /** Set where requests share what they may hold in memory: in the API, not in a command. */
  readonly dialler: Pick<KeptDialler, "budget"> | undefined;
}

export interface Controller extends RunReader {
  /** Set where connections to agents outlive a request: in the API, not in a command. */
  readonly dialler: KeptDialler | undefined;
  /** `--port` (docs/OPERATIONS.md, "For every mode"), for every agent; undefined means as recorded. */
  readonly agentPort: number | undefined;
  /** What counts its events: its log passes them on. */
  readonly counts: LiveCounts;
  /** What its events are told as, to whom notify.d names: its log tells. */
  readonly notices: LiveNotices;
}

/** @throws CtrlExecError `config` if this host's own credential, or its revocations, cannot be used */
export async function openDialler(controller: Controller): Promise<FleetDialler> {
  const { config, now, dialler, store } = controller;
  const setting =
    dialler?.current(config, now()) ?? dialSetting(config, loadCredentials(config, now()));
  return { ...setting, revoked: await store.certificates.revokedByNow(), now };
}

/** The account in which an answer's memory counts: the API's, or a command's own. */
export function openReplies({ config, dialler }: RunReader): ReplyAccount {
  return (dialler?.budget(config) ?? new ReplyBudget(config.max_replies)).open();
}
