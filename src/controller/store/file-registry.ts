/** The registry in `agents/<hostname>.json`, with an index of it in memory. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { AgentRecord } from "./agent-record.ts";
import { HostIndex } from "./host-index.ts";
import type { Registered, RegisteredAddress, Registry, RegistryStore } from "./ports/registry.ts";
import { changeAgents, findAgent, readHost, readRegistry, recordFiles } from "./registry.ts";

export class FileRegistry implements RegistryStore {
  readonly #config: ControllerConfig;
  readonly #index: HostIndex;

  constructor(config: ControllerConfig) {
    this.#config = config;
    this.#index = new HostIndex(config);
  }

  async read(): Promise<Registry> {
    return readRegistry(this.#config);
  }

  async find(hostname: string): Promise<Registered | undefined> {
    return findAgent(this.#config, hostname);
  }

  async findAll(hostnames: readonly string[]): Promise<ReadonlyMap<string, Registered>> {
    const hosts = new Set(hostnames.map(lowerAscii));
    const files = recordFiles(this.#config, hosts);
    const found = new Map<string, Registered>();
    await inSlices(hosts, (host) => {
      const registered = readHost(host, files.get(host) ?? []);
      if (registered !== undefined) found.set(host, registered);
    });
    return found;
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
