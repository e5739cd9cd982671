/** The registered hosts. See ../ports.ts. */
import type { CtrlExecError } from "../../../core/errors.ts";
import type { AgentRecord } from "../agent-record.ts";

/**
 * A host in the registry. A record that cannot be used still counts as a record: its host must not pass as
 * unregistered, because then nobody would check its name (T05).
 */
export type Registered =
  | { readonly kind: "agent"; readonly record: AgentRecord }
  | { readonly kind: "broken"; readonly broken: BrokenRecord };

/** A record that cannot be used, named so that somebody can repair it; it never hides the others. */
export interface BrokenRecord {
  /** In lower case, from the name of its file, which may not be a valid host name. */
  readonly hostname: string;
  /** Names the file and says what to do. */
  readonly problem: CtrlExecError;
}

export interface Registry {
  /** By lower-case host name. */
  readonly agents: ReadonlyMap<string, AgentRecord>;
  readonly broken: readonly BrokenRecord[];
}

/** With more hosts, it is cheaper to check whether any record has changed than to read theirs. */
export const FEW_RECORDS = 200;

/**
 * For a screen: as of the last two seconds, as RegistryStore.records().
 *
 * @param only these hosts, in lower case; all if it is undefined
 * @throws CtrlExecError `config` if it cannot be read at all
 */
export async function readChosen(
  registry: RegistryStore,
  only: ReadonlySet<string> | undefined,
): Promise<Registry> {
  if (only === undefined) return await registry.read();
  const known = only.size > FEW_RECORDS ? await registry.records() : new Map<string, AgentRecord>();
  const found = await registry.findAll([...only].filter((host) => !known.has(host)));
  const agents = new Map<string, AgentRecord>();
  const broken: BrokenRecord[] = [];
  for (const host of [...only].sort()) {
    const there = found.get(host);
    const record = known.get(host) ?? (there?.kind === "agent" ? there.record : undefined);
    if (record !== undefined) agents.set(host, record);
    else if (there?.kind === "broken") broken.push(there.broken);
  }
  return { agents, broken };
}

/** Names are host names in any case. A record that cannot be used does not hide others. */
export interface RegistryStore {
  /** @throws CtrlExecError `config` if it cannot be read at all; so do the methods below */
  read(): Promise<Registry>;
  /** Undefined if nothing is registered under the name. */
  find(hostname: string): Promise<Registered | undefined>;
  /** Those names that are registered, by lower-case name. Reads no other record. */
  findAll(hostnames: readonly string[]): Promise<ReadonlyMap<string, Registered>>;
  /** Every registered host in lower case, in order. Reads no record. */
  names(): Promise<readonly string[]>;
  /**
   * Every record that can be used, by lower-case name, as of the last two seconds. A store that is kept reads each
   * record only when it has changed (T67).
   */
  records(): Promise<ReadonlyMap<string, AgentRecord>>;
  /** The hosts registered at each address, in lower case: usually one, or none. */
  namesAt(asked: readonly RegisteredAddress[]): Promise<readonly (readonly string[])[]>;
  /**
   * Changes records, each as it is at that moment (T30), and each completely or not at all.
   * @param change the new record, or undefined to leave it; if it throws, no record is changed
   * @param hostnames only these hosts, and no other record is read; all hosts if it is undefined
   */
  change(
    change: (record: AgentRecord) => AgentRecord | undefined,
    hostnames?: Iterable<string>,
  ): Promise<void>;
}

export interface RegisteredAddress {
  readonly address: string;
  /** Undefined for the usual one. */
  readonly port: number | undefined;
}
