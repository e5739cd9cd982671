/** Whether this host's clock can be believed, asked before anything is signed or given up (T68). */
import {
  type ClockSighting,
  type ClockVerdict,
  describeOffset,
  ENOUGH,
  judgeClock,
  seenWithin,
} from "../core/clock.ts";
import { CtrlExecError } from "../core/errors.ts";
import { opensslTime } from "../core/time.ts";
import type { Controller } from "./controller.ts";
import { ANY_TIME, loadCredentials } from "./credential.ts";
import { askFleet, dialSetting } from "./fleet.ts";
import { knownClocks } from "./known-clocks.ts";
import { type AgentRecord, readRegistry } from "./registry.ts";
import { newRequestId } from "./request-id.ts";
import { targetOf } from "./targets.ts";

/** Hosts that are asked: enough to be believed, few enough to cost nothing. */
const SAMPLE = 20;

/** Seconds that are waited for one that is away. */
const WAIT_SECONDS = 3;

/** Seconds for which answers are as good as new ones. */
const FRESH_SECONDS = 300;

/**
 * Asks some hosts what time it is, unless enough have just said so: what is written down was compared with
 * a clock that may have been set since.
 */
export async function checkClock(controller: Controller): Promise<ClockVerdict> {
  const { config, now } = controller;
  const { agents } = readRegistry(config);
  const known = () => knownClocks(config, agents);
  const fresh = () => known().filter((one) => seenWithin(FRESH_SECONDS, one, now()));
  if (fresh().length < ENOUGH) await ask(controller, sample(known(), agents));
  const answered = fresh();
  // With so few, what others said in the last day is looked at too.
  return judgeClock(answered.length < ENOUGH ? known() : answered, now());
}

/** Those that answered last come first: they are likely to be there. */
function sample(
  known: readonly ClockSighting[],
  agents: ReadonlyMap<string, AgentRecord>,
): readonly AgentRecord[] {
  const seen = new Map(known.map(({ host, seen }) => [host, seen.getTime()]));
  return [...agents.values()]
    .sort((a, b) => (seen.get(b.hostname) ?? 0) - (seen.get(a.hostname) ?? 0))
    .slice(0, SAMPLE);
}

/** Answers are written down as those of any fan-out; a host that does not answer says nothing. */
async function ask(controller: Controller, records: readonly AgentRecord[]): Promise<void> {
  const { config } = controller;
  if (records.length === 0) return;
  const hurried = {
    ...config,
    connect_timeout: Math.min(WAIT_SECONDS, config.connect_timeout),
    read_timeout: Math.min(WAIT_SECONDS, config.read_timeout),
  };
  try {
    // A certificate that seems to have expired may be what a wrong clock says.
    const credentials = loadCredentials(config, ANY_TIME);
    const targets = records.map((record) => targetOf(record.hostname, { kind: "agent", record }));
    const body = { reqid: newRequestId() };
    await askFleet(
      { ...dialSetting(hurried, credentials), controller },
      targets,
      { method: "POST", path: "/ping", body, reply: "words", idempotent: true },
      () => undefined,
    );
  } catch (thrown) {
    // Without a credential nobody can be asked; whoever needs one says so.
    if (!(thrown instanceof CtrlExecError)) throw thrown;
  }
}

/**
 * For signing.
 *
 * @param deed what is to be done, as in "Cannot <deed>"
 * @throws CtrlExecError `untrusted` when at least three hosts, and most of those seen, disagree
 */
export async function requireRightClock(
  controller: Controller,
  deed: string,
  force: boolean,
): Promise<void> {
  await requireClock(controller, deed, force, ENOUGH);
}

/**
 * For what cannot be taken back and can wait: one host that disagrees is enough when most do.
 *
 * @throws CtrlExecError `untrusted`
 */
export async function requireBelievedClock(
  controller: Controller,
  deed: string,
  force: boolean,
): Promise<void> {
  await requireClock(controller, deed, force, 1);
}

/** @param enough hosts that must disagree, besides being most of those that were seen */
async function requireClock(
  controller: Controller,
  deed: string,
  force: boolean,
  enough: number,
): Promise<void> {
  const { config, log, now } = controller;
  // So few hosts cannot say it: they need not be asked.
  if (force || readRegistry(config).agents.size < enough) return;
  const verdict = await checkClock(controller);
  if (verdict.kind === "fine" || verdict.differ.length < enough) return;
  const [furthest] = verdict.differ;
  log("err", "clock-refuse", {
    DIFFER: verdict.differ.length,
    HOSTS: hostsOf(verdict),
    OFFSET: furthest?.offset,
    SEEN: verdict.seen,
    TASK: deed,
  });
  throw new CtrlExecError("untrusted", `Cannot ${deed}: ${disagreement(verdict)}`, {
    hint:
      `This host's clock says ${opensslTime(now())}. Set it right, or theirs; ` +
      "--force goes on all the same.",
  });
}

const MAX_NAMED = 10;

function hostsOf({ differ }: ClockVerdict): string {
  return differ
    .slice(0, MAX_NAMED)
    .map(({ host }) => host)
    .join(",");
}

/** Who disagrees, and by how much. */
export function disagreement({ differ, seen }: ClockVerdict): string {
  const [furthest] = differ;
  const example =
    furthest === undefined ? "" : ` (${furthest.host} is ${describeOffset(furthest.offset)})`;
  return `the clocks of ${differ.length} of the ${seen} hosts that have answered disagree with this host's${example}`;
}
