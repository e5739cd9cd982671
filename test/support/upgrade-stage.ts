/** A host whose program can be replaced: its agent is started and restarted by a script, as a service manager does. */
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { buildName } from "../../src/core/release/platform.ts";
import { VERSION } from "../../src/core/version.ts";
import { ownPlatform } from "../../src/system/own-platform.ts";
import { BINARY, type Finished, runCommand } from "./binary.ts";
import type { ControlHost, TestAgent } from "./fleet.ts";
import { makeRelease, makeReleaseKey, type ReleaseKey } from "./release.ts";

export const OTHER_VERSION = "1.9.0";

export class UpgradeStage {
  readonly key: ReleaseKey;
  readonly restart: string;
  /** The program of another version. */
  readonly #other: string;

  private constructor(
    readonly control: ControlHost,
    readonly agent: TestAgent,
  ) {
    const { folder } = control;
    this.key = makeReleaseKey(folder);
    this.#other = folder.join("other", "ctrl-exec");
    folder.write("other/ctrl-exec", otherVersion(), 0o755);
    this.restart = folder.script(`${agent.name}/restart`, this.#restartScript());
    this.reset();
    symlinkSync("ctrl-exec", this.program("ctrl-exec-agent"));
  }

  /** @param name of the agent */
  static async create(control: ControlHost, name: string): Promise<UpgradeStage> {
    const agent = await control.addAgent(name);
    await agent.pair();
    const stage = new UpgradeStage(control, agent);
    mkdirSync(agent.path("state"));
    stage.configure();
    return stage;
  }

  /** agent.conf, with which upgrades are allowed, and further lines. */
  configure(...lines: readonly string[]): void {
    this.agent.writeConfig([
      "allow_upgrade = yes",
      `release_key = ${this.key.line}`,
      `upgrade_restart = ${this.restart}`,
      `upgrade_state = ${this.agent.path("state")}`,
      ...lines,
    ]);
  }

  program(name: string): string {
    return this.agent.path(`bin/${name}`);
  }

  /** The old program is in place, and the kept one. */
  reset(): void {
    mkdirSync(this.agent.path("bin"), { recursive: true });
    // Those that run may not be written to.
    rmSync(this.program("ctrl-exec"), { force: true });
    rmSync(this.program("ctrl-exec-upgrade"), { force: true });
    copyFileSync(BINARY, this.program("ctrl-exec"), constants.COPYFILE_FICLONE);
    chmodSync(this.program("ctrl-exec"), 0o755);
    linkSync(this.program("ctrl-exec"), this.program("ctrl-exec-upgrade"));
  }

  async startAgent(): Promise<void> {
    const { status, err } = await runCommand([this.restart]);
    if (status !== 0) throw new Error(err);
  }

  /** A release whose program is this script; its `$1` and so on are what it is called with. */
  release(version: string, script: string): string {
    const build = { [buildName(ownPlatform())]: `#!/bin/sh\n${script}\n` };
    return makeRelease(this.control.folder, `release-${version}`, version, build, this.key);
  }

  /** One that works. */
  workingRelease(): string {
    const run = `case $0 in *-agent) exec ${this.#other} agent "$@" ;; *) exec ${this.#other} "$@" ;; esac`;
    return this.release(OTHER_VERSION, run);
  }

  /** What the unit does. */
  async apply(): Promise<Finished> {
    return await runCommand(this.applyCommand);
  }

  /** The unit: applies what the agent is handed, until the test ends it. */
  unit(): AsyncDisposable {
    let over = false;
    const serving = (async () => {
      while (!over) {
        if (existsSync(this.agent.path("upgrade/apply"))) await this.apply();
        await Bun.sleep(20);
      }
    })();
    return {
      async [Symbol.asyncDispose]() {
        over = true;
        await serving;
      },
    };
  }

  get applyCommand(): string[] {
    const log = this.control.log.path;
    const mode = ["agent", "apply-upgrade", "--config", this.agent.config, "--log", log];
    return [this.program("ctrl-exec-upgrade"), ...mode];
  }

  /** Also what a test asks for: `kill-now` beside it ends whoever restarts the agent, before it is restarted. */
  #restartScript(): string {
    const here = this.agent.path("");
    return [
      `cd ${here}`,
      "if mv kill-now killed 2>/dev/null; then kill -9 $PPID; exit 1; fi",
      'if test -e pid; then kill "$(cat pid)" 2>/dev/null; tail -s 0.05 --pid="$(cat pid)" -f /dev/null; fi',
      `setsid ${here}/bin/ctrl-exec-agent serve --config ${this.agent.config} --log ${this.control.log.path} </dev/null >/dev/null 2>&1 &`,
      "echo $! >pid",
    ].join("\n");
  }
}

/** The program's bytes, with another version where it has its own: in its source, and in what was made of that. */
export function otherVersion(): Buffer {
  const bytes = readFileSync(BINARY);
  const source = bytes.indexOf(`version:"${VERSION}",description`);
  const made = bytes.lastIndexOf(`${VERSION}\0\0\0`, source);
  if (source < 0 || made < 0) throw new Error("the version is not where it was");
  bytes.write(OTHER_VERSION, source + 'version:"'.length, "latin1");
  bytes.write(OTHER_VERSION, made, "latin1");
  return bytes;
}
