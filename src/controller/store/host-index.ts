/**
 * Answers questions about the whole registry, also before the auth hook has agreed: which names are registered, which
 * hosts are registered at an address, and what the records say. The hook may refuse the caller, who must cost little
 * until then: records are read once, and again only when they have changed, and never all in one go (T67).
 *
 * A process begins with the copy that an earlier one has left (registry-copy.ts). That is compared with every
 * record's file, because 0.8 and editors change records without updating it.
 */
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import { isHostName } from "../../core/net/host-name.ts";
import { socketAddress } from "../../core/net/socket-address.ts";
import { FileVersions, fileVersion } from "../../system/files/file-version.ts";
import { inSlices } from "../../system/in-slices.ts";
import { type AgentRecord, recordedAddress } from "./agent-record.ts";
import { paths } from "./paths.ts";
import type { BrokenRecord, Registry } from "./ports/registry.ts";
import { readHost, recordFiles } from "./registry.ts";
import { type CopiedRecord, readRegistryCopy, writeRegistryCopy } from "./registry-copy.ts";

/** The names registered at an address and port, in lower case: usually one, or none. */
export type NamesAt = (address: string, port: number | undefined) => readonly string[];

/**
 * Writes by 1.x and 0.8 change the folder. What an editor writes into a record's own file is noticed when the
 * files are checked, which is done this often while there are requests.
 */
const LOOK_AGAIN_MS = 2_000;

/** With fewer hosts, the records are read as quickly as a copy of them. */
const COPY_FROM = 200;

/** A new copy is written when one in this many records is not in the old one. */
const COPY_AGAIN = 50;

interface KnownRecord {
  /** The version of its file, which differs if the file has changed; 0 if it may already be another. */
  readonly version: number;
  /** Undefined if it cannot be used. */
  readonly record: AgentRecord | undefined;
}

interface Listing {
  /** Version of the folder. */
  readonly version: string;
  /** For each host, by its lower-case name. */
  readonly files: ReadonlyMap<string, readonly string[]>;
  /** The names that are host names, in order, once somebody has asked. */
  names?: readonly string[];
}

interface Look {
  /** Version of the folder when the check began. */
  readonly version: string;
  readonly at: number;
  /** The records that can be used, by lower-case host name. */
  readonly agents: ReadonlyMap<string, AgentRecord>;
  /** The files of the records that cannot. */
  readonly broken: ReadonlyMap<string, readonly string[]>;
  /** The hosts of each address and port, once somebody has asked. */
  hostsAt?: Promise<ReadonlyMap<string, readonly string[]>>;
}

export class HostIndex {
  readonly #config: ControllerConfig;
  readonly #clock: () => number;
  readonly #folder: string;
  #listing: Listing | undefined;
  /** By lower-case host name; undefined before the first check. */
  #known: ReadonlyMap<string, KnownRecord> | undefined;
  /** Records that were read and are not in the copy. */
  #uncopied = 0;
  #looked: Look | undefined;
  #looking: Promise<Look> | undefined;

  /**
   * The API keeps it between requests; a command creates one and uses it once. @param clock milliseconds that only go
   * forward
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
    const listing = this.#list();
    listing.names ??= [...listing.files.keys()].filter(isHostName).sort();
    return listing.names;
  }

  #list(): Listing {
    const version = fileVersion(this.#folder);
    if (this.#listing?.version !== version) {
      this.#listing = { version, files: recordFiles(this.#config) };
    }
    return this.#listing;
  }

  /** As the records were in the last two seconds. @throws CtrlExecError `config` if the folder cannot be read */
  async byAddress(): Promise<NamesAt> {
    const look = await this.#lookOf(LOOK_AGAIN_MS);
    look.hostsAt ??= hostsByAddress(look.agents);
    const hostsAt = await look.hostsAt;
    return (address, port) => hostsAt.get(socketAddress(address, port)) ?? [];
  }

  /** The records that can be used, by lower-case name, as in byAddress(). @throws as byAddress() */
  async records(): Promise<ReadonlyMap<string, AgentRecord>> {
    return (await this.#lookOf(LOOK_AGAIN_MS)).agents;
  }

  /** All as they are now. @throws as byAddress() */
  async read(): Promise<Registry> {
    const { agents, broken } = await this.#lookOf(0);
    const problems: BrokenRecord[] = [];
    const mended = new Map<string, AgentRecord>();
    for (const [host, files] of broken) {
      const found = readHost(host, files);
      if (found?.kind === "agent") mended.set(host, found.record);
      else if (found !== undefined) problems.push(found.broken);
    }
    return {
      agents: mended.size === 0 ? agents : new Map([...agents, ...mended]),
      broken: problems,
    };
  }

  /** @param age how many milliseconds old the check may be */
  async #lookOf(age: number): Promise<Look> {
    // A check that began before this moment may have missed a change; all who wait share the next one.
    await this.#looking?.catch(() => undefined);
    const looked = this.#looked;
    if (looked !== undefined && age > 0 && this.#isFresh(looked, age)) return looked;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return await this.#looking;
  }

  #isFresh({ version, at }: Look, age: number): boolean {
    return this.#clock() - at <= age && fileVersion(this.#folder) === version;
  }

  async #look(): Promise<Look> {
    const at = this.#clock();
    const { version: listed, files: hosts } = this.#list();
    const before = this.#known ?? (await this.#copied(hosts.size));
    const known = new Map<string, KnownRecord>();
    const agents = new Map<string, AgentRecord>();
    const broken = new Map<string, readonly string[]>();
    const versions = new FileVersions();
    await inSlices(hosts, ([host, files]) => {
      const [file = ""] = files;
      const version = files.length === 1 ? versions.of(file) : 0;
      const old = before.get(host);
      const now =
        version !== 0 && old?.version === version ? old : this.#read(host, files, version);
      known.set(host, now);
      if (now.record === undefined) broken.set(host, files);
      else agents.set(host, now.record);
    });
    this.#known = known;
    this.#looked = { version: listed, at, agents, broken };
    await this.#keepCopy(known, versions.narrowestMode);
    return this.#looked;
  }

  #read(host: string, files: readonly string[], version: number): KnownRecord {
    const found = readHost(host, files);
    if (found?.kind !== "agent") return { version, record: undefined };
    this.#uncopied += 1;
    return { version, record: found.record };
  }

  async #copied(hosts: number): Promise<ReadonlyMap<string, CopiedRecord>> {
    if (hosts < COPY_FROM) return new Map();
    return await readRegistryCopy(paths(this.#config).registryCopy);
  }

  /**
   * Without the right to write here, or room on the disk, this process does not try again.
   *
   * @param mode that every record's file has
   */
  async #keepCopy(known: ReadonlyMap<string, KnownRecord>, mode: number): Promise<void> {
    if (known.size < COPY_FROM || this.#uncopied * COPY_AGAIN < known.size) return;
    this.#uncopied = 0;
    const copied = new Map<string, CopiedRecord>();
    for (const [host, { version, record }] of known) {
      if (record !== undefined && version !== 0) copied.set(host, { version, record });
    }
    const { registryCopy } = paths(this.#config);
    const isWritten = await writeRegistryCopy(registryCopy, this.#folder, copied, mode);
    if (!isWritten) this.#uncopied = Number.NEGATIVE_INFINITY;
  }
}

async function hostsByAddress(
  agents: ReadonlyMap<string, AgentRecord>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const hostsAt = new Map<string, string[]>();
  await inSlices(agents, ([host, record]) => {
    const address = recordedAddress(record);
    if (address === undefined) return;
    const others = hostsAt.get(address);
    if (others === undefined) hostsAt.set(address, [host]);
    else others.push(host);
  });
  return hostsAt;
}
