/** The registry in `agents/<hostname>.json`, with an index of it in memory. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { AgentRecord } from "./agent-record.ts";
import { HostIndex } from "./host-index.ts";
import {
  FEW_RECORDS,
  type Registered,
  type RegisteredAddress,
  type Registry,
  type RegistryStore,
} from "./ports/registry.ts";
import { changeAgents, findAgent, readHost, recordFiles } from "./registry.ts";

/** By the name in lower case; undefined if nothing is registered under it. */
type FindHost = (host: string) => Registered | undefined;

export class FileRegistry implements RegistryStore {
  readonly #config: ControllerConfig;
  readonly #index: HostIndex;

  constructor(config: ControllerConfig) {
    this.#config = config;
    this.#index = new HostIndex(config);
  }

  async read(): Promise<Registry> {
    return await this.#index.read();
  }

  async find(hostname: string): Promise<Registered | undefined> {
    return findAgent(this.#config, hostname);
  }

  async findAll(hostnames: readonly string[]): Promise<ReadonlyMap<string, Registered>> {
    const hosts = new Set(hostnames.map(lowerAscii));
    const found = new Map<string, Registered>();
    const find = hosts.size > FEW_RECORDS ? await this.#finder() : this.#reader(hosts);
    await inSlices(hosts, (host) => {
      const registered = find(host);
      if (registered !== undefined) found.set(host, registered);
    });
    return found;
  }

  #reader(hosts: ReadonlySet<string>): FindHost {
    const files = recordFiles(this.#config, hosts);
    return (host) => readHost(host, files.get(host) ?? []);
  }

  async #finder(): Promise<FindHost> {
    const { agents, broken } = await this.#index.read();
    const problems = new Map(broken.map((each) => [each.hostname, each]));
    return (host) => {
      const record = agents.get(host);
      if (record !== undefined) return { kind: "agent", record };
      const problem = problems.get(host);
      return problem && { kind: "broken", broken: problem };
    };
  }

  async names(): Promise<readonly string[]> {
    return this.#index.names();
  }

  async records(): Promise<ReadonlyMap<string, AgentRecord>> {
    return await this.#index.records();
  }

  async namesAt(asked: readonly RegisteredAddress[]): Promise<readonly (readonly string[])[]> {
    const namesAt = await this.#index.byAddress();
    return asked.map(({ address, port }) => namesAt(address, port));
  }

  async change(
    change: (record: AgentRecord) => AgentRecord | undefined,
    hostnames?: Iterable<string>,
  ): Promise<void> {
    await changeAgents(this.#config, change, hostnames);
  }
}
