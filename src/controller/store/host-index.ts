/**
 * Answers what is needed from the registry before the auth hook has agreed: which names are registered, which
 * hosts are registered at an address, and what their records say. The hook may refuse the caller, who must cost little until then:
 * records are read once, and again only when they have changed, and never all in one go (T67).
 *
 * The index is not stored. One on the disk would still have to be compared with every record, since 0.8 and
 * editors change records without updating it.
 */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { isHostName } from "../../core/net/host-name.ts";
import { fileVersion } from "../../system/files/file-version.ts";
import { inSlices } from "../../system/in-slices.ts";
import { recordedAddress, socketAddress } from "../fleet/targets.ts";
import type { AgentRecord } from "./agent-record.ts";
import { paths } from "./paths.ts";
import { readHost, recordFiles } from "./registry.ts";

/** The names registered at an address and port, in lower case: usually one, or none. */
export type NamesAt = (address: string, port: number | undefined) => readonly string[];

/**
 * Writes by 1.x and 0.8 change the folder. What an editor writes into a record's own file is noticed when the
 * files are checked, which is done this often while there are requests.
 */
const LOOK_AGAIN_MS = 2_000;

interface KnownRecord {
  /** The version of its files, which differs if they have changed. */
  readonly version: string;
  /** Undefined if it cannot be used. */
  readonly record: AgentRecord | undefined;
}

export class HostIndex {
  readonly #config: ControllerConfig;
  readonly #clock: () => number;
  readonly #folder: string;
  #names: { readonly version: string; readonly hosts: readonly string[] } | undefined;
  /** By lower-case host name. */
  #records: ReadonlyMap<string, KnownRecord> = new Map();
  /** The hosts of each address and port. */
  #hostsAt: ReadonlyMap<string, readonly string[]> = new Map();
  #looked: { readonly version: string; readonly at: number } | undefined;
  #looking: Promise<void> | undefined;

  /**
   * The API keeps it between requests; a command makes one and uses it once.
   * @param clock milliseconds that only go forward
   */
  constructor(config: ControllerConfig, clock = () => performance.now()) {
    this.#config = config;
    this.#clock = clock;
    this.#folder = paths(config).agents;
  }

  /**
   * Every registered host in lower case, in order. Reads no record.
   * @throws CtrlExecError `config` if the folder cannot be read
   */
  names(): readonly string[] {
    const version = fileVersion(this.#folder);
    if (this.#names?.version !== version) {
      const hosts = [...recordFiles(this.#config).keys()].filter(isHostName).sort();
      this.#names = { version, hosts };
    }
    return this.#names.hosts;
  }

  /** As the records are now. @throws CtrlExecError `config` if the folder cannot be read */
  async byAddress(): Promise<NamesAt> {
    await this.#refresh();
    const hostsAt = this.#hostsAt;
    return (address, port) => hostsAt.get(socketAddress(address, port)) ?? [];
  }

  /** Those that can be used, by lower-case name. @throws as byAddress() */
  async records(): Promise<ReadonlyMap<string, AgentRecord>> {
    await this.#refresh();
    const usable = [...this.#records].flatMap(([host, { record }]) =>
      record === undefined ? [] : [[host, record] as const],
    );
    return new Map(usable);
  }

  async #refresh(): Promise<void> {
    // A check that began before this moment may have missed a change; all who wait share the next one.
    await this.#looking?.catch(() => undefined);
    if (!this.#isFresh()) {
      this.#looking ??= this.#look().finally(() => {
        this.#looking = undefined;
      });
      await this.#looking;
    }
  }

  #isFresh(): boolean {
    const looked = this.#looked;
    if (looked === undefined || this.#clock() - looked.at > LOOK_AGAIN_MS) return false;
    return fileVersion(this.#folder) === looked.version;
  }

  async #look(): Promise<void> {
    const looked = { version: fileVersion(this.#folder), at: this.#clock() };
    const records = new Map<string, KnownRecord>();
    const hostsAt = new Map<string, string[]>();
    await inSlices(recordFiles(this.#config), ([host, files]) => {
      const known = this.#known(host, files);
      records.set(host, known);
      const address = known.record && recordedAddress(known.record);
      if (address === undefined) return;
      hostsAt.set(address, [...(hostsAt.get(address) ?? []), host]);
    });
    this.#records = records;
    this.#hostsAt = hostsAt;
    this.#looked = looked;
  }

  #known(host: string, files: readonly string[]): KnownRecord {
    const version = files.map((file) => fileVersion(file)).join(" ");
    const known = this.#records.get(host);
    if (known?.version === version) return known;
    const found = readHost(host, files);
    return { version, record: found?.kind === "agent" ? found.record : undefined };
  }
}
