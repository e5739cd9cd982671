/** Discovery: what every host may run, and its tags. */
import { formatHostPort } from "../../core/net/host-name.ts";
import type { DiscoveredHost } from "../../core/results.ts";
import { capabilitiesReply, refusalIn } from "../../core/wire/messages.ts";
import type { Caller } from "../access/authorize.ts";
import { authorizedRegistry, authorizedTargets } from "../access/authorized-targets.ts";
import { type Controller, openDialler } from "../control-host.ts";
import { askFleet, type HostOutcome } from "../fleet/fan-out.ts";
import { type ResolvedTarget, readTargets } from "../fleet/targets.ts";

/**
 * @param typed undefined means every registered host
 * @returns a result for each host, in the order given
 * @throws CtrlExecError when nothing was dialled: bad request, denied, no credential
 */
export async function discoverHosts(
  controller: Controller,
  caller: Caller,
  typed: readonly string[] | undefined,
): Promise<DiscoveredHost[]> {
  const action = { action: "ping", script: "", args: [] } as const;
  if (typed === undefined) {
    return await scanCapabilities(controller, await authorizedRegistry(controller, caller, action));
  }
  const asked = readTargets(typed, undefined, controller.config.max_hosts);
  const targets = await authorizedTargets(controller, caller, action, asked);
  return await scanCapabilities(controller, targets);
}

/** The caller has authorised the request. */
export async function scanCapabilities(
  controller: Controller,
  targets: readonly ResolvedTarget[],
): Promise<DiscoveredHost[]> {
  if (targets.length === 0) return [];
  const found = new Map<ResolvedTarget, DiscoveredHost>();
  await askFleet(
    openDialler(controller),
    targets,
    { method: "GET", path: "/capabilities", reply: "list", idempotent: true },
    (outcome) => {
      const host = discovered(outcome);
      logResult(controller, outcome, host);
      found.set(outcome.target, host);
    },
  );
  return targets.flatMap((target) => found.get(target) ?? []);
}

function discovered({ target, reply, error, rtt }: HostOutcome): DiscoveredHost {
  const host = target.label;
  const time = `${rtt}ms`;
  const failed = (reason: string): DiscoveredHost => ({
    host,
    status: "error",
    version: "",
    rtt: time,
    scripts: [],
    tags: {},
    error: reason,
  });
  if (reply === undefined) return failed(error ?? "no answer");
  const answered = capabilitiesReply.safeParse(reply.json);
  if (reply.status === 200 && answered.success) {
    const { status, version, scripts, tags } = answered.data;
    return { host, status, version, rtt: time, scripts, tags };
  }
  const problem = `${host} answered with status ${reply.status} and no list of scripts`;
  return failed(refusalIn(reply.json) ?? problem);
}

function logResult({ log }: Controller, { target, rtt }: HostOutcome, host: DiscoveredHost): void {
  const fields = { RTT: rtt, TARGET: formatHostPort(target.name, target.port) };
  if (host.error === undefined) {
    log("info", "capabilities", { SCRIPTS: host.scripts.length, ...fields });
  } else log("err", "capabilities", { ERROR: host.error, ...fields });
}
