/**
 * Resolves the hosts of a request, only for callers whom the auth hook allows (T67). The hook decides on
 * registered names, so an address is looked up before the hook is asked; the result, even a failure, stays here
 * until the hook has agreed.
 */
import { asCtrlExecError, CtrlExecError } from "../../core/errors.ts";
import { lowerAscii, parseTarget, type Target } from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { socketAddress, typedHost } from "../../core/net/socket-address.ts";
import { nearestMatch } from "../../core/text.ts";
import {
  givenTwice,
  labelsOf,
  type ResolvedTarget,
  targetKey,
  targetOf,
} from "../fleet/targets.ts";
import { recordedAddress } from "../store/agent-record.ts";
import type { HostContext } from "../store/host.ts";
import type { Registered } from "../store/ports/registry.ts";
import { type AuthRequest, authorize, type Caller } from "./authorize.ts";

type AuthAction = Omit<AuthRequest, "hosts">;

/**
 * A registered host may also be named by its address: it is the same host, with the same lock, and must answer
 * under the same name.
 *
 * @param problem why the request cannot be met, asked when the caller may know it
 * @throws CtrlExecError `denied`; after that the problem, `bad-request` if one host is given twice, `config` if the
 * registry cannot be read
 */
export async function authorizedTargets(
  controller: HostContext,
  caller: Caller,
  action: AuthAction,
  asked: readonly Target[],
  problem?: () => Promise<CtrlExecError | undefined>,
): Promise<ResolvedTarget[]> {
  const found = await namesByAddress(controller, asked).catch(asCtrlExecError);
  const registered = found instanceof CtrlExecError ? [] : found;
  const hosts = asked.flatMap(({ name }, position) => {
    const there = registered[position] ?? [];
    return there.length > 0 ? there : [typedHost(name)];
  });
  await authorize(controller, caller, { ...action, hosts: [...new Set(hosts)] });
  const why = await problem?.();
  if (why !== undefined) throw why;
  if (found instanceof CtrlExecError) throw found;
  return await resolveTargets(controller, asked, registered);
}

/** The same for every registered host. @throws CtrlExecError `denied`, or `config` after that */
export async function authorizedRegistry(
  controller: HostContext,
  caller: Caller,
  action: AuthAction,
): Promise<ResolvedTarget[]> {
  const found = await allNames(controller).catch(asCtrlExecError);
  const hosts = found instanceof CtrlExecError ? [] : found;
  await authorize(controller, caller, { ...action, hosts });
  if (found instanceof CtrlExecError) throw found;
  return await registeredTargets(controller, found);
}

/** Every registered host, for a caller who is already authorised. */
export async function everyHost(controller: HostContext): Promise<ResolvedTarget[]> {
  return await registeredTargets(controller, await allNames(controller));
}

/**
 * A host of a run that has begun, as it is registered now, for a caller who is already authorised.
 *
 * @param label its name in the run
 * @throws CtrlExecError `config` if the registry cannot be read
 */
export async function hostOfRun(
  controller: HostContext,
  label: string,
  port: number | undefined,
): Promise<ResolvedTarget> {
  const [target] = await hostsOfRun(controller, [{ host: label, port }]);
  return target ?? { ...targetOf(label, undefined, port), label };
}

/** The same for several. @throws CtrlExecError also `bad-request` if two of them are now one host */
export async function hostsOfRun(
  controller: HostContext,
  hosts: readonly { readonly host: string; readonly port: number | undefined }[],
): Promise<ResolvedTarget[]> {
  const asked = hosts.map(({ host, port }) => {
    const typed = parseTarget(host);
    if (typed === undefined) {
      throw new CtrlExecError("damaged", `Cannot call "${host}": no host has such a name`);
    }
    return { name: typed.name, port: port ?? typed.port };
  });
  const targets = await resolveTargets(controller, asked, await namesByAddress(controller, asked));
  return targets.map((target, position) => ({
    ...target,
    label: hosts[position]?.host ?? target.label,
  }));
}

async function allNames({ store }: HostContext): Promise<readonly string[]> {
  return await store.registry.names();
}

/** For each that is an address, the names registered there; none for the others. */
async function namesByAddress(
  { store }: HostContext,
  asked: readonly Target[],
): Promise<readonly (readonly string[])[]> {
  const addresses = asked.filter(({ name }) => isIp(name));
  if (addresses.length === 0) return [];
  const found = await store.registry.namesAt(
    addresses.map(({ name, port }) => ({ address: name, port })),
  );
  const namesOf = new Map(addresses.map((target, position) => [target, found[position] ?? []]));
  return asked.map((target) => namesOf.get(target) ?? []);
}

/** @param registered the names that the hook was given instead of addresses */
async function resolveTargets(
  { store }: HostContext,
  asked: readonly Target[],
  registered: readonly (readonly string[])[],
): Promise<ResolvedTarget[]> {
  const names = asked.flatMap(({ name }) => (isIp(name) ? [] : [name]));
  const records = await store.registry.findAll([...names, ...registered.flat()]);
  const find = (hostname: string) => records.get(lowerAscii(hostname));
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
  const near = await nearNames(store, targets);
  return targets.map((target, position) => ({
    ...target,
    ...near(target),
    label: labels[position] ?? target.name,
  }));
}

/**
 * At most this many names are compared with all that are registered: if there are more, it is not a typing error
 * (T76).
 */
const MOST_COMPARED = 20;

/** What may have been meant by names under which no host is registered; they are compared when somebody asks. */
async function nearNames(
  { registry }: HostContext["store"],
  targets: readonly ResolvedTarget[],
): Promise<(target: ResolvedTarget) => Pick<ResolvedTarget, "near">> {
  const isUnknown = ({ name, record, problem }: ResolvedTarget) =>
    record === undefined && problem === undefined && !isIp(name);
  const unknown = targets.filter(isUnknown).length;
  if (unknown === 0 || unknown > MOST_COMPARED) return () => ({});
  const names = await registry.names();
  return (target) =>
    isUnknown(target) ? { near: () => nearestMatch(lowerAscii(target.name), names) } : {};
}

/** @param hosts the hosts registered at the address, as the hook was told */
function targetAt(
  { name, port }: Target,
  hosts: readonly string[],
  find: (hostname: string) => Registered | undefined,
): ResolvedTarget {
  const [host, ...others] = hosts;
  if (host === undefined) return targetOf(name, undefined, port);
  if (others.length > 0) {
    // It is unknown whose certificate must answer.
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

/**
 * Includes hosts with broken records: none is left out silently, except one that has been removed in the meantime.
 */
async function registeredTargets(
  { store }: HostContext,
  hosts: readonly string[],
): Promise<ResolvedTarget[]> {
  const found = await store.registry.findAll(hosts);
  return [...found].map(([host, registered]) => targetOf(host, registered));
}
