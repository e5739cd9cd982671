/** The registry in `agents/<hostname>.json`, with an index of it in memory. */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { lowerAscii } from "../../core/net/host-name.ts";
import { inSlices } from "../../system/in-slices.ts";
import type { AgentRecord } from "./agent-record.ts";
import { HostIndex } from "./host-index.ts";
import type { Registered, RegisteredAddress, Registry, RegistryStore } from "./ports/registry.ts";
import { agentFinder, changeAgents, findAgent, readRegistry } from "./registry.ts";

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
    const find = agentFinder(this.#config);
    const found = new Map<string, Registered>();
    await inSlices(hostnames, (hostname) => {
      const registered = find(hostname);
      if (registered !== undefined) found.set(lowerAscii(hostname), registered);
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

  async change(change: (record: AgentRecord) => AgentRecord | undefined): Promise<void> {
    await changeAgents(this.#config, change);
  }
}
