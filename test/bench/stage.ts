/** What the sections share: the fleet, the compiled programs, the SSH server; each made on first use. */
import { cpus } from "node:os";
import { join } from "node:path";
import { BINARY } from "../support/binary.ts";
import { Fleet } from "./fleet.ts";
import { outputOf } from "./process.ts";
import { Service } from "./service.ts";
import { SshServer } from "./ssh.ts";

/** Servers of many hosts are spread over this many processes. */
const SERVER_PROCESSES = Math.max(2, Math.min(4, cpus().length));

export class Stage implements AsyncDisposable {
  readonly fleet: Fleet;
  readonly #compiled = new Map<string, Promise<string>>();
  #ssh: Promise<SshServer> | undefined;

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  static async create(): Promise<Stage> {
    await readAfresh(BINARY);
    return new Stage(await Fleet.create());
  }

  /** One of test/bench/programs, compiled as the product is. @returns its path */
  async compiled(name: "empty" | "bare-client" | "bare-server"): Promise<string> {
    const path = this.fleet.folder.join(name);
    const made =
      this.#compiled.get(name) ??
      outputOf({
        argv: [
          process.execPath,
          ...["build", "--compile", "--minify", "--bytecode", "--format=esm"],
          ...["--outfile", path, join(import.meta.dir, "programs", `${name}.ts`)],
        ],
      }).then(() => readAfresh(path));
    this.#compiled.set(name, made);
    return await made;
  }

  /** @throws when there is no sshd, or it does not let us in; the message says why */
  async ssh(): Promise<SshServer> {
    this.#ssh ??= SshServer.start(this.fleet.folder);
    return await this.#ssh;
  }

  /** A compiled agent, as a host has it. Its log is on its stderr. */
  async agent(
    index: number,
    scripts: Readonly<Record<string, string>> = {},
    lines: readonly string[] = [],
  ): Promise<Service> {
    await this.fleet.certify(index + 1);
    const config = this.fleet.agentConfig(index, scripts, lines);
    return await this.#serve(BINARY, config);
  }

  /** The same of the release before this one. @param release its folder */
  async agentOf(release: string, index: number): Promise<Service> {
    await this.fleet.certify(index + 1);
    return await this.#serve(join(release, "ctrl-exec"), this.fleet.agentConfig(index));
  }

  async #serve(binary: string, config: string): Promise<Service> {
    return await Service.start(
      { argv: [binary, "agent", "serve", "--config", config, "--log", "stderr"] },
      /ACTION=start PORT=/,
      "stderr",
    );
  }

  /** Real agents for hosts 0 to count - 1, many in one process. @param sources whose agents they are */
  async agents(count: number, sources = join(import.meta.dir, "../..")): Promise<Services> {
    const argv = [process.execPath, join(sources, "test/bench/programs/agents.ts")];
    return await this.#spread(argv, count);
  }

  /** The smallest possible server in their place. @param file is run by every request */
  async bareServers(count: number, file?: string): Promise<Services> {
    return await this.#spread([await this.compiled("bare-server")], count, file);
  }

  async #spread(argv: readonly string[], count: number, file?: string): Promise<Services> {
    await this.fleet.certify(count);
    const { folder, port } = this.fleet;
    const share = Math.ceil(count / SERVER_PROCESSES);
    const services: Service[] = [];
    for (let first = 0; first < count; first += share) {
      const end = Math.min(count, first + share);
      const range = [folder.path, `${first}`, `${end}`, `${port}`];
      const all = [...argv, ...range, ...(file === undefined ? [] : [file])];
      services.push(await Service.start({ argv: all }, /ready/));
    }
    return new Services(services);
  }

  /** `ctrl-exec` with a configuration of the fleet; its log lines go where stderr goes. */
  ctrlExec(config: string, ...words: readonly string[]): readonly string[] {
    return this.ctrlExecOf(BINARY, config, ...words);
  }

  ctrlExecOf(binary: string, config: string, ...words: readonly string[]): readonly string[] {
    return [binary, ...words, "--config", config, "--log", "stderr"];
  }

  async bareClient(
    hosts: number,
    requests: number,
    parallel: number,
    path: string,
    ...words: readonly ("keep" | "unkept")[]
  ): Promise<readonly string[]> {
    const { folder, port } = this.fleet;
    return [
      await this.compiled("bare-client"),
      folder.path,
      ...[hosts, port, requests, parallel].map(String),
      path,
      ...words,
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ssh = await this.#ssh?.catch(() => undefined);
    await ssh?.[Symbol.asyncDispose]();
    this.fleet[Symbol.dispose]();
  }
}

/**
 * Takes a program out of the page cache: of a file that was written just now the kernel maps larger pieces
 * than are used, and the program that was built last starts sooner and counts 4 MiB more than another.
 */
async function readAfresh(program: string): Promise<string> {
  await outputOf({ argv: ["sync", program] });
  await outputOf({ argv: ["dd", `if=${program}`, "iflag=nocache", "count=0", "status=none"] });
  return program;
}

class Services implements AsyncDisposable {
  readonly all: readonly Service[];

  constructor(all: readonly Service[]) {
    this.all = all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((service) => service[Symbol.asyncDispose]()));
  }
}
