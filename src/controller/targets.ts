/** From what an operator typed to where each host is dialled. */
import { CtrlExecError } from "../core/errors.ts";
import { lowerAscii, parseTarget } from "../core/host-name.ts";
import { isIp } from "../core/ip-address.ts";
import type { AgentFinder, AgentRecord, Registered } from "./registry.ts";

const DEFAULT_AGENT_PORT = 7443;

/** A host of a request: its name or address as asked for, and how to reach it. */
export interface ResolvedTarget {
  /** The name that results carry. */
  readonly name: string;
  readonly port: number;
  /** The record of a registered host: it must answer with the certificate of that name. */
  readonly record: AgentRecord | undefined;
  /** Why its record cannot be used: such a host is not dialled, since nobody knows who must answer (T05). */
  readonly problem: CtrlExecError | undefined;
}

/**
 * A registered host may be named by its address too: it is the same host, with the same lock and the
 * same name to answer for.
 *
 * @param typed targets as given: `host`, `host:port`, `[v6]:port`
 * @param port the invocation's own port, which wins over the recorded one
 * @param find of the registry
 * @throws CtrlExecError `bad-request` for a target that is none, one given twice, or too many
 */
export function resolveTargets(
  typed: readonly string[],
  port: number | undefined,
  find: AgentFinder,
  maxHosts: number,
): ResolvedTarget[] {
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
      throw new CtrlExecError("bad-request", `"${text}" is not a host, host:port or address`);
    }
    const { name } = target;
    const dialled = target.port ?? port;
    const found = isIp(name) ? onlyAt(find, name, dialled) : find.named(name);
    const resolved = targetOf(name, found, dialled);
    const host = hostOf(resolved);
    if (seen.has(host)) {
      const { record } = resolved;
      const also = !isIp(name) || record === undefined ? "" : `, as ${record.hostname}`;
      throw new CtrlExecError("bad-request", `${name} is given twice${also}`);
    }
    seen.add(host);
    return resolved;
  });
}

/**
 * The one name of a host, however it was typed: as registered, in lower case. By it a run is locked and
 * an auth hook decides: who refuses db-01 must not let DB-01 or its address pass.
 */
export function hostOf({ name, record }: ResolvedTarget): string {
  return lowerAscii(record?.hostname ?? name);
}

/** Who is registered at that address and port; undefined when nobody is, or more than one. */
function onlyAt(
  find: AgentFinder,
  address: string,
  port = DEFAULT_AGENT_PORT,
): Registered | undefined {
  const there = find.at(address).filter((record) => (record.port ?? DEFAULT_AGENT_PORT) === port);
  const [record] = there;
  return record === undefined || there.length > 1 ? undefined : { kind: "agent", record };
}

/** @param port undefined leaves it to the record */
export function targetOf(
  name: string,
  found: Registered | undefined,
  port?: number,
): ResolvedTarget {
  const record = found?.kind === "agent" ? found.record : undefined;
  return {
    name,
    port: port ?? record?.port ?? DEFAULT_AGENT_PORT,
    record,
    problem: found?.kind === "broken" ? found.broken.problem : undefined,
  };
}

/**
 * The address to dial: the name, or the recorded address when the record says so, or when the name is
 * unknown or the name server does not say within `waitMs`.
 */
export async function dialAddress(
  { name, record }: ResolvedTarget,
  waitMs: number,
): Promise<string> {
  if (isIp(name) || record === undefined || record.ip === "") return name;
  if (record.lookup_by === "ip") return record.ip;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(record.ip), waitMs);
  });
  const found = Bun.dns.lookup(name, { backend: "libc" }).then(
    ([first]) => first?.address ?? record.ip,
    () => record.ip,
  );
  return await Promise.race([found, tooLate]).finally(() => clearTimeout(timer));
}
