/** Turns what an operator typed into addresses to dial. */
import { configArgument } from "../../core/config/controller-config.ts";
import { CtrlExecError } from "../../core/errors.ts";
import { HOST_HINT, ZONE_HINT } from "../../core/hosts/parse-expression.ts";
import {
  formatHostPort,
  parseTarget,
  readsAsOtherAddress,
  type Target,
} from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { DEFAULT_AGENT_PORT, socketAddress, typedHost } from "../../core/net/socket-address.ts";
import { within } from "../../system/deadline.ts";
import type { AgentRecord } from "../store/agent-record.ts";
import type { Registered } from "../store/ports/registry.ts";

/** A host of a request: its name or address as asked for, and how to reach it. */
export interface ResolvedTarget {
  /** As typed, without the port. */
  readonly name: string;
  /** Its name in results, records and messages, unique within a request. */
  readonly label: string;
  readonly port: number;
  /** The record of a registered host, which must answer with the certificate of that name. */
  readonly record: AgentRecord | undefined;
  /** Why its record cannot be used. Such a host is not dialled, since it is unknown who must answer (T05). */
  readonly problem: CtrlExecError | undefined;
  /** The registered name that may have been meant, if none is registered under this one. */
  readonly near?: () => string | undefined;
}

/**
 * Reads the hosts of a request. It looks nothing up, so a refusal tells the caller nothing that is not in the
 * request (T67).
 *
 * @param typed targets as given: `host`, `host:port`, `[v6]:port`
 * @param port the call's own port, for targets typed without one
 * @throws CtrlExecError `bad-request` for an invalid target, one given twice, or too many
 */
export function readTargets(
  typed: readonly string[],
  port: number | undefined,
  maxHosts: number,
): Target[] {
  if (typed.length === 0) throw new CtrlExecError("bad-request", "no host given");
  if (typed.length > maxHosts) {
    throw new CtrlExecError(
      "bad-request",
      `${typed.length} hosts given; at most ${maxHosts} at once`,
    );
  }
  const seen = new Set<string>();
  return typed.map((text) => {
    const target = parseTarget(text);
    if (target === undefined) {
      throw new CtrlExecError("bad-request", `"${text}" is not a host, host:port or address`, {
        hint: text.includes("%") ? ZONE_HINT : HOST_HINT,
      });
    }
    const asked = { name: target.name, port: target.port ?? port };
    // One name or address may have several hosts, each at its own port (NAT, port forwarding).
    const key = socketAddress(asked.name, asked.port);
    if (seen.has(key)) throw givenTwice(asked.name);
    seen.add(key);
    return asked;
  });
}

/** @param registered the name registered for an address, for callers who may know it */
export function givenTwice(name: string, registered?: string): CtrlExecError {
  const also = registered === undefined ? "" : ` (it is ${registered})`;
  return new CtrlExecError("bad-request", `${name} is given twice${also}`, {
    hint: "Leave one of them out: a host is asked once.",
  });
}

/**
 * The canonical name of a host, however it was typed: as registered, in lower case. Runs are locked and auth
 * hooks decide by it: a hook that refuses db-01 must not let DB-01 or its address pass.
 */
export function hostOf({ name, record }: ResolvedTarget): string {
  return typedHost(record?.hostname ?? name);
}

/**
 * Distinguishes a target from every other in its request. A registered host is one host, whatever port leads to
 * it; with others, each port may lead to another one.
 */
export function targetKey(target: ResolvedTarget): string {
  return target.record === undefined ? socketAddress(target.name, target.port) : hostOf(target);
}

/** The label of each target: its name as typed, with its port if another one would look the same. */
export function labelsOf(
  hosts: readonly { readonly name: string; readonly port: number | undefined }[],
): string[] {
  const portsOf = new Map<string, Set<number | undefined>>();
  for (const { name, port } of hosts) {
    const ports = portsOf.get(typedHost(name)) ?? new Set();
    portsOf.set(typedHost(name), ports.add(port));
  }
  return hosts.map(({ name, port }) => {
    const isAlone = portsOf.get(typedHost(name))?.size === 1;
    return isAlone || port === undefined ? name : formatHostPort(name, port);
  });
}

/** Its port, if its name alone would lead to another. A registered host's name leads to the port of its record. */
export function ownPort({ name, port, record }: ResolvedTarget): number | undefined {
  const usual = isIp(name) ? DEFAULT_AGENT_PORT : (record?.port ?? DEFAULT_AGENT_PORT);
  return port === usual ? undefined : port;
}

/** @param port undefined means as recorded */
export function targetOf(
  name: string,
  found: Registered | undefined,
  port?: number,
): ResolvedTarget {
  const record = found?.kind === "agent" ? found.record : undefined;
  return {
    name,
    label: name,
    port: port ?? record?.port ?? DEFAULT_AGENT_PORT,
    record,
    problem: found?.kind === "broken" ? found.broken.problem : undefined,
  };
}

/**
 * The address to dial: the name, or the recorded address if the record says so, the name is unknown, or the
 * name server does not answer within `waitMs`. A host that was paired as `127.1` is dialled at its recorded
 * address: a resolver would turn its name into another one (T70).
 *
 * @param file this host's configuration, for the hint
 * @throws CtrlExecError `config` if such a host's record has no address
 */
export async function dialAddress(
  { name, record }: ResolvedTarget,
  waitMs: number,
  file: string,
): Promise<string> {
  if (readsAsOtherAddress(name)) {
    if (record !== undefined && record.ip !== "") return record.ip;
    throw new CtrlExecError("config", `Cannot call ${name}: its name reads as another address`, {
      hint: `Give its record one: ctrl-exec edit-agent ${name} --ip <address>${configArgument(file)}`,
    });
  }
  if (isIp(name) || record === undefined || record.ip === "") return name;
  if (record.lookup_by === "ip") return record.ip;
  const found = Bun.dns.lookup(name, { backend: "libc" }).then(
    ([first]) => first?.address ?? record.ip,
    () => record.ip,
  );
  return await within(waitMs, found, () => record.ip);
}
