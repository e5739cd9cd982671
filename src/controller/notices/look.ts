/**
 * Looks for what is to be told of this host and its fleet although no event says so: certificates that end, agents that are
 * stale, locks that are held for long. Asks no host. What was told is stored, with what is still to be left in the spool,
 * before it is left there: a restart repeats no notice, and after a kill it comes under the same id (T10).
 */
import { messageOf } from "../../core/errors.ts";
import { type Condition, type ConditionKind, compare } from "../../core/notices/conditions.ts";
import { newRequestId } from "../../core/request-id.ts";
import { isDenied } from "../../system/files/files.ts";
import type { HostContext } from "../store/host.ts";
import type { ToldState } from "../store/ports/notices.ts";
import {
  certificateConditions,
  type Found,
  lockConditions,
  staleConditions,
} from "./conditions-now.ts";
import { hasReceivers } from "./has-receivers.ts";
import { leaveIn } from "./leave-notices.ts";
import { readReceivers, usableReceivers } from "./receivers.ts";

const LOOKS: Readonly<Record<ConditionKind, (host: HostContext) => Promise<Found>>> = {
  "certificate-ends": certificateConditions,
  "agent-stale": staleConditions,
  "lock-held": lockConditions,
};

/** Never rejects: what could not be found out is logged, and looked for the next time. */
export async function lookForNotices(host: HostContext): Promise<void> {
  const { config, log, store } = host;
  if (!hasReceivers(config)) return;
  try {
    await using own = await store.notices.ownLook();
    if (own !== undefined) await look(host);
  } catch (thrown) {
    // Whoever may only read here tells nobody anything.
    if (!isDenied(thrown)) log({ event: "notice-look-fail", error: messageOf(thrown) });
  }
}

async function look(host: HostContext): Promise<void> {
  const { config, store } = host;
  const { receivers } = await readReceivers(config);
  const wanted = conditionKinds().filter((kind) => receivers.some(({ kinds }) => kinds.has(kind)));
  if (wanted.length === 0) return;
  const before = await store.notices.told();
  await leaveAll(host, before);
  const { found, unseen, kinds } = await findAll(host, wanted);
  const { news, told } = compare(before.told, { kinds, found, unseen });
  const since = host.now();
  const pending = news.map((each) => ({ id: newRequestId(), since, news: each }));
  // Only what changed is written: to look often costs nothing.
  if (pending.length === 0 && Bun.deepEquals(told, before.told)) return;
  const after = { told, pending };
  await store.notices.keepTold(after);
  await leaveAll(host, after);
}

async function leaveAll(host: HostContext, { told, pending }: ToldState): Promise<void> {
  if (pending.length === 0) return;
  const receivers = await usableReceivers(host);
  for (const each of pending) {
    for (const receiver of receivers) await leaveIn(host, receiver, each);
  }
  await host.store.notices.keepTold({ told, pending: [] });
}

async function findAll(host: HostContext, wanted: readonly ConditionKind[]) {
  const kinds = new Set<ConditionKind>();
  const found: Condition[] = [];
  const unseen = new Set<string>();
  for (const kind of wanted) {
    try {
      const of = await LOOKS[kind](host);
      kinds.add(kind);
      found.push(...of.found);
      for (const about of of.unseen) unseen.add(about);
    } catch (thrown) {
      host.log({ event: "notice-look-fail", error: messageOf(thrown), kind });
    }
  }
  return { kinds, found, unseen };
}

function conditionKinds(): ConditionKind[] {
  return Object.keys(LOOKS) as ConditionKind[];
}

/** Between two looks of the API. */
const LOOK_MS = 60_000;

/** Looks now, and again and again: in the API. */
export function startLooking(host: HostContext): { stop(): void } {
  let isLooking = false;
  const lookOnce = async () => {
    if (isLooking) return;
    isLooking = true;
    await lookForNotices(host);
    isLooking = false;
  };
  const timer = setInterval(() => void lookOnce(), LOOK_MS);
  void lookOnce();
  return { stop: () => clearInterval(timer) };
}
