/** Checks whether this host's clock can be trusted, before anything is signed or given up (T68). */
import { randomInt } from "node:crypto";
import {
  type ClockSighting,
  type ClockVerdict,
  describeOffset,
  ENOUGH,
  judgeClock,
} from "../../core/clock.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { draw } from "../../core/random.ts";
import { newRequestId } from "../../core/request-id.ts";
import { opensslTime } from "../../core/time.ts";
import type { Controller } from "../control-host.ts";
import { dialSetting } from "../fleet/dial-setting.ts";
import { askFleet } from "../fleet/fan-out.ts";
import { targetOf } from "../fleet/targets.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { Registry } from "../store/ports/registry.ts";
import { ANY_TIME, loadCredentials } from "../trust/credential.ts";
import { FleetNews } from "./fleet-news.ts";

/**
 * How many hosts are asked. Enough that in a fleet of which a quarter lies, only one choice in 8,000 has as many
 * liars as others; few enough to ask all of them at once (`max_parallel`).
 */
const SAMPLE = 50;

/** Seconds to wait for a host that does not answer. */
const WAIT_SECONDS = 3;

/**
 * Asks some hosts for the time, and judges by what they say now: what is recorded was compared with a clock that may
 * have been set since. The hosts are chosen at random: otherwise a host could influence who is asked by when it was
 * last seen, or by what it said then.
 */
export async function checkClock(controller: Controller): Promise<ClockVerdict> {
  const { agents } = await controller.store.registry.read();
  return await judgeByAgents(controller, agents);
}

async function judgeByAgents(
  controller: Controller,
  agents: Registry["agents"],
): Promise<ClockVerdict> {
  const { now, store } = controller;
  const answers = await ask(controller, draw([...agents.values()], SAMPLE, randomInt));
  if (answers.length >= ENOUGH) return judgeClock(answers, now());
  // With so few answers, what all others said in the last day counts too.
  const sightings = [...(await store.clocks.known(agents)), ...answers];
  return judgeClock(new Map(sightings.map((one) => [one.host, one])).values(), now());
}

/**
 * Asks the hosts; the answers are also recorded, as in any fan-out. Each host can speak only for itself,
 * whatever verify_agent_identity allows elsewhere.
 */
async function ask(
  controller: Controller,
  records: readonly AgentRecord[],
): Promise<readonly ClockSighting[]> {
  const { config, now, agentPort } = controller;
  const answers: ClockSighting[] = [];
  if (records.length === 0) return answers;
  const hurried = {
    ...config,
    connect_timeout: Math.min(WAIT_SECONDS, config.connect_timeout),
    read_timeout: Math.min(WAIT_SECONDS, config.read_timeout),
    verify_agent_identity: "strict" as const,
  };
  try {
    // A certificate may only seem to have expired because the clock is wrong.
    const credentials = loadCredentials(config, ANY_TIME);
    const targets = records.map((record) =>
      targetOf(record.hostname, { kind: "agent", record }, agentPort),
    );
    const body = { reqid: newRequestId() };
    const revoked = await controller.store.certificates.revokedByNow();
    const dialler = { ...dialSetting(hurried, credentials), revoked, now };
    const news = new FleetNews(controller, dialler);
    await askFleet(
      dialler,
      targets,
      { method: "POST", path: "/ping", body, reply: "words" },
      (outcome) => {
        news.hear(outcome);
        const { target, clockOffset: offset } = outcome;
        const { record } = target;
        if (record === undefined || offset === undefined) return;
        answers.push({ host: record.hostname, offset, seen: now() });
      },
    );
    await news.keep();
  } catch (thrown) {
    // Without a credential nobody can be asked; whoever needs one reports that.
    if (!(thrown instanceof CtrlExecError)) throw thrown;
  }
  return answers;
}

/**
 * Must be called before signing.
 *
 * @param deed what is to be done, as in "Cannot <deed>"
 * @throws CtrlExecError `untrusted` if at least three hosts, and most of those seen, disagree
 */
export async function requireRightClock(
  controller: Controller,
  deed: string,
  force: boolean,
): Promise<void> {
  await requireClock(controller, deed, force, ENOUGH);
}

/**
 * For irreversible steps that can wait: a single host that disagrees is enough, if most do.
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

/** @param enough how many hosts must disagree, besides being most of those seen */
async function requireClock(
  controller: Controller,
  deed: string,
  force: boolean,
  enough: number,
): Promise<void> {
  const { log, now, store } = controller;
  if (force) return;
  const { agents } = await store.registry.read();
  // Too few hosts to decide it, so they need not be asked.
  if (agents.size < enough) return;
  const verdict = await judgeByAgents(controller, agents);
  if (verdict.kind === "fine" || verdict.differ.length < enough) return;
  const [furthest] = verdict.differ;
  log({
    event: "clock-refuse",
    differ: verdict.differ.length,
    hosts: hostsOf(verdict),
    offset: furthest?.offset,
    seen: verdict.seen,
    task: deed,
  });
  throw new CtrlExecError("untrusted", `Cannot ${deed}: ${disagreement(verdict)}`, {
    hint:
      `This host's clock says ${opensslTime(now())}. Set this clock, or theirs; ` +
      "--force goes on all the same.",
  });
}

const MAX_NAMED = 10;

function hostsOf({ differ }: ClockVerdict): string[] {
  return differ.slice(0, MAX_NAMED).map(({ host }) => host);
}

/** Who disagrees, and by how much. */
export function disagreement({ differ, seen }: ClockVerdict): string {
  const [furthest] = differ;
  const example =
    furthest === undefined ? "" : ` (${furthest.host} is ${describeOffset(furthest.offset)})`;
  return `the clocks of ${differ.length} of the ${seen} hosts that have answered disagree with this host's${example}`;
}
