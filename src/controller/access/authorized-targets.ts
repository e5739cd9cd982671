/**
 * Which hosts a request is about, said only to callers whom the auth hook lets (T67). The hook decides on
 * registered names, so an address is looked up before it is asked; nothing of that, not even that it
 * failed, leaves here until it has agreed.
 */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import type { Target } from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { Controller } from "../control-host.ts";
import {
  givenTwice,
  labelsOf,
  type ResolvedTarget,
  socketAddress,
  targetKey,
  targetOf,
  typedHost,
} from "../fleet/targets.ts";
import { HostIndex, recordedAddress } from "../store/host-index.ts";
import { type AgentFinder, agentFinder } from "../store/registry.ts";
import { type AuthRequest, authorize, type Caller } from "./authorize.ts";

type AuthAction = Omit<AuthRequest, "hosts">;

/**
 * A registered host may be named by its address too: it is the same host, with the same lock and the
 * same name to answer for.
 *
 * @throws CtrlExecError `denied`; after that `bad-request` when one host is given twice, `config` when
 *   the registry cannot be read
 */
export async function authorizedTargets(
  controller: Controller,
  caller: Caller,
  action: AuthAction,
  asked: readonly Target[],
): Promise<ResolvedTarget[]> {
  const found = await namesByAddress(controller, asked).catch(asCtrlExecError);
  const registered = found instanceof CtrlExecError ? [] : found;
  const hosts = asked.flatMap(({ name }, position) => {
    const there = registered[position] ?? [];
    return there.length > 0 ? there : [typedHost(name)];
  });
  await authorize(controller, caller, { ...action, hosts: [...new Set(hosts)] });
  if (found instanceof CtrlExecError) throw found;
  return resolveTargets(controller.config, asked, registered);
}

/** The same for every registered host. @throws CtrlExecError `denied`, or `config` after that */
export async function authorizedRegistry(
  controller: Controller,
  caller: Caller,
  action: AuthAction,
): Promise<ResolvedTarget[]> {
  const found = await allNames(controller).catch(asCtrlExecError);
  const hosts = found instanceof CtrlExecError ? [] : found;
  await authorize(controller, caller, { ...action, hosts });
  if (found instanceof CtrlExecError) throw found;
  return await registeredTargets(controller.config, found);
}

/** Every registered host, for a caller who is authorised already. */
export async function everyHost(controller: Controller): Promise<ResolvedTarget[]> {
  return await registeredTargets(controller.config, await allNames(controller));
}

async function allNames(controller: Controller): Promise<readonly string[]> {
  return hostIndex(controller).names();
}

/** The one that is kept between requests, or one for this command. */
function hostIndex({ config, index }: Controller): HostIndex {
  return index ?? new HostIndex(config);
}

/** Of each that is an address, the names that are registered there; none for the others. */
async function namesByAddress(
  controller: Controller,
  asked: readonly Target[],
): Promise<readonly (readonly string[])[]> {
  if (!asked.some(({ name }) => isIp(name))) return [];
  const namesAt = await hostIndex(controller).byAddress();
  return asked.map(({ name, port }) => (isIp(name) ? namesAt(name, port) : []));
}

/** @param registered the names that the hook was told in the place of addresses */
function resolveTargets(
  config: ControllerConfig,
  asked: readonly Target[],
  registered: readonly (readonly string[])[],
): ResolvedTarget[] {
  const find = agentFinder(config);
  const seen = new Set<string>();
  const targets = asked.map((typed, position) => {
    const behind = registered[position] ?? [];
    const target = isIp(typed.name)
      ? targetAt(typed, behind, find)
      : targetOf(typed.name, find(typed.name), typed.port);
    const key = targetKey(target);
    if (seen.has(key)) throw givenTwice(target.name, behind[0]);
    seen.add(key);
    return target;
  });
  const labels = labelsOf(targets);
  return targets.map((target, position) => ({ ...target, label: labels[position] ?? target.name }));
}

/** @param hosts who is registered at the address, as the hook was told */
function targetAt(
  { name, port }: Target,
  hosts: readonly string[],
  find: AgentFinder,
): ResolvedTarget {
  const [host, ...others] = hosts;
  if (host === undefined) return targetOf(name, undefined, port);
  if (others.length > 0) {
    // Nobody could say whose certificate must answer.
    const problem = new CtrlExecError(
      "config",
      `Cannot call ${name}: ${hosts.join(" and ")} are registered there`,
      { hint: "Call the one you mean by its name." },
    );
    return { ...targetOf(name, undefined, port), problem };
  }
  const found = find(host);
  if (found?.kind === "agent" && recordedAddress(found.record) === socketAddress(name, port)) {
    return targetOf(name, found, port);
  }
  const problem = new CtrlExecError(
    "busy",
    `Cannot call ${name}: ${host} was registered there a moment ago, and its record has changed`,
    { hint: "Try again." },
  );
  return { ...targetOf(name, undefined, port), problem };
}

/** A host whose record is broken is among them: none is left out in silence. One that has gone is. */
async function registeredTargets(
  config: ControllerConfig,
  hosts: readonly string[],
): Promise<ResolvedTarget[]> {
  const find = agentFinder(config);
  const targets: ResolvedTarget[] = [];
  await inSlices(hosts, (host) => {
    const found = find(host);
    if (found !== undefined) targets.push(targetOf(host, found));
  });
  return targets;
}
