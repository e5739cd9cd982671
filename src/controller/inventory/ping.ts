/** `ping`: mTLS, the certificate's expiry and the version of many hosts. */
import type * as z from "zod/mini";
import { differs } from "../../core/clock.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { newRequestId } from "../../core/request-id.ts";
import type { PingResult } from "../../core/results.ts";
import { pingReply } from "../../core/wire/messages/ping-reply.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedHosts } from "../access/authorized-hosts.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { type Answer, answerOf } from "../fleet/answer.ts";
import { askFleet, type HostOutcome } from "../fleet/fan-out.ts";
import type { HostChoice } from "../fleet/host-choice.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import type { HostNews } from "../store/ports/learned.ts";
import { FleetNews } from "./fleet-news.ts";

/** Subscribers to a ping. */
export interface PingSubscribers {
  /** Called when the hook has agreed, before any host is asked. @param count how many hosts are asked */
  onHosts?(count: number): void;
  /** Called once per host, as they answer. */
  onResult(result: PingResult): void;
  /** Called when all have answered, or not, with the records of the registered ones as they are now. */
  onSeen(records: readonly AgentRecord[]): Promise<void>;
}

/**
 * @returns the results in the order the hosts were given
 * @throws CtrlExecError if nothing was dialled: bad request, denied, no credential
 */
export async function pingHosts(
  controller: Controller,
  caller: Caller,
  choice: HostChoice,
  subscribers: PingSubscribers,
): Promise<PingResult[]> {
  const action = { action: "ping", script: "", args: [] } as const;
  const targets = await authorizedHosts(controller, caller, action, choice);
  subscribers.onHosts?.(targets.length);
  const reqid = caller.requestId ?? newRequestId();
  const results = new Map<ResolvedTarget, PingResult>();
  const dialler = await openDialler(controller);
  const news = new FleetNews(controller, dialler);
  await askFleet(
    dialler,
    targets,
    { method: "POST", path: "/ping", body: { reqid, tags: 1 }, reply: "words", idempotent: true },
    (outcome) => {
      const answer = answerOf(pingReply, outcome);
      const result = pingResult(outcome, answer, reqid);
      news.hear(outcome, answer.kind === "given" ? newsIn(answer.data) : undefined);
      logResult(controller, outcome, result);
      results.set(outcome.target, result);
      subscribers.onResult(result);
    },
  );
  const learned = await news.keep();
  const records = targets.flatMap(({ record }) =>
    record === undefined ? [] : (learned.get(record.hostname) ?? record),
  );
  await subscribers.onSeen(records);
  return targets.flatMap((target) => results.get(target) ?? []);
}

type Pong = z.infer<typeof pingReply>;

function newsIn({ version, tags }: Pong): HostNews {
  return { version, tags };
}

function pingResult(outcome: HostOutcome, answer: Answer<Pong>, reqid: string): PingResult {
  const host = outcome.target.label;
  const rtt = `${outcome.rtt}ms`;
  if (answer.kind !== "given") {
    return { host, status: "error", rtt, expiry: "", version: "", reqid, error: answer.why };
  }
  const { expiry, version } = answer.data;
  const { clockOffset: offset } = outcome;
  const told = offset !== undefined && differs({ offset }) ? { clock_offset: offset } : {};
  const hub = outcome.reply?.hub;
  const way = hub === undefined ? {} : { via: hub.hub, via_since: hub.since };
  return { host, status: "ok", rtt, expiry, version, reqid, ...way, ...told };
}

/** 0.8 logs RESULT and TARGET, but its documents promise STATUS and PEER: tools look for either. */
function logResult(
  { log }: HostContext,
  { target, peer, rtt, fault }: HostOutcome,
  { reqid, status, error, via }: PingResult,
): void {
  const asked = { peer, reqid, via, rtt, status, target: formatHostPort(target.name, target.port) };
  if (error === undefined) log({ event: "ping", ...asked, result: "ok" });
  else log({ event: "ping-fail", ...asked, error, fault });
}
