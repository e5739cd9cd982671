/** Discovery: the scripts of every host, and its tags. */
import { formatHostPort } from "../../core/net/host-name.ts";
import type { DiscoveredHost } from "../../core/results.ts";
import { capabilitiesReply } from "../../core/wire/messages/capabilities-reply.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedHosts } from "../access/authorized-hosts.ts";
import { authorizedRegistry } from "../access/authorized-targets.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { answerOf } from "../fleet/answer.ts";
import { askFleet, type HostOutcome } from "../fleet/fan-out.ts";
import type { HostChoice } from "../fleet/host-choice.ts";
import type { ResolvedTarget } from "../fleet/targets.ts";
import type { HostContext } from "../store/host.ts";
import type { HostNews } from "../store/ports/learned.ts";
import { FleetNews } from "./fleet-news.ts";

/** Subscribers to a discovery. */
export interface DiscoverySubscribers {
  /** Called when the hook has agreed, before any host is asked. @param count how many hosts are asked */
  onHosts?(count: number): void;
  /** Called once per host, as they answer. */
  onResult?(host: DiscoveredHost): void;
}

/**
 * @param choice undefined means every registered host
 * @returns a result for each host, in the order given
 * @throws CtrlExecError if nothing was dialled: bad request, denied, no credential
 */
export async function discoverHosts(
  controller: Controller,
  caller: Caller,
  choice: HostChoice | undefined,
  subscribers: DiscoverySubscribers = {},
): Promise<DiscoveredHost[]> {
  const action = { action: "ping", script: "", args: [] } as const;
  const targets =
    choice === undefined
      ? await authorizedRegistry(controller, caller, action)
      : await authorizedHosts(controller, caller, action, choice);
  subscribers.onHosts?.(targets.length);
  return await scanCapabilities(controller, targets, subscribers.onResult);
}

/** The caller has authorised the request. */
export async function scanCapabilities(
  controller: Controller,
  targets: readonly ResolvedTarget[],
  onResult: DiscoverySubscribers["onResult"] = () => undefined,
): Promise<DiscoveredHost[]> {
  if (targets.length === 0) return [];
  const found = new Map<ResolvedTarget, DiscoveredHost>();
  const dialler = await openDialler(controller);
  const news = new FleetNews(controller, dialler);
  await askFleet(
    dialler,
    targets,
    { method: "GET", path: "/capabilities", reply: "list", idempotent: true },
    (outcome) => {
      const host = discovered(outcome);
      news.hear(outcome, host.status === "ok" ? newsOf(host) : undefined);
      logResult(controller, outcome, host);
      found.set(outcome.target, host);
      onResult(host);
    },
  );
  await news.keep();
  return targets.flatMap((target) => found.get(target) ?? []);
}

function newsOf({ version, tags, scripts }: DiscoveredHost): HostNews {
  return { version, tags, scripts: scripts.map(({ name }) => name) };
}

function discovered(outcome: HostOutcome): DiscoveredHost {
  const host = outcome.target.label;
  const rtt = `${outcome.rtt}ms`;
  const answer = answerOf(
    capabilitiesReply,
    outcome,
    (status) => `${host} answered with status ${status} and no list of scripts`,
  );
  if (answer.kind !== "given") {
    return { host, status: "error", version: "", rtt, scripts: [], tags: {}, error: answer.why };
  }
  const { status, version, scripts, tags } = answer.data;
  return { host, status, version, rtt, scripts, tags };
}

function logResult(
  { log }: HostContext,
  { target, rtt, fault }: HostOutcome,
  { error, scripts }: DiscoveredHost,
): void {
  const asked = { rtt, target: formatHostPort(target.name, target.port) };
  if (error === undefined) log({ event: "capabilities", ...asked, scripts: scripts.length });
  else log({ event: "capabilities-fail", ...asked, error, fault });
}
