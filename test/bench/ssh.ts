/** An OpenSSH server of our own on a free port, for the comparison. */
import { mkdirSync, readFileSync } from "node:fs";
import { freePort } from "../../src/system/net/free-port.ts";
import { currentUser } from "../../src/system/process/user.ts";
import { type TestFolder, until } from "../support/folder.ts";
import { findProgram, outputOf, timeCommand } from "./process.ts";

export type SshVariant = "default" | "curve25519" | "shared";

export class SshServer implements AsyncDisposable {
  readonly #folder: TestFolder;
  readonly #child: Bun.Subprocess;

  private constructor(folder: TestFolder, child: Bun.Subprocess) {
    this.#folder = folder;
    this.#child = child;
  }

  /** @throws with the reason, when there is no OpenSSH or it does not let us in */
  static async start(folder: TestFolder): Promise<SshServer> {
    const sshd = findProgram("sshd");
    if (sshd === undefined || findProgram("ssh") === undefined) {
      throw new Error("OpenSSH is not installed (openssh-server, openssh-client)");
    }
    if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
    for (const key of ["host", "user"]) {
      const argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder.join(`ssh_${key}`)];
      await outputOf({ argv });
    }
    const port = freePort("0.0.0.0");
    writeConfigs(folder, port);
    const child = Bun.spawn([sshd, "-D", "-f", folder.join("sshd_config")], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    const server = new SshServer(folder, child);
    const command = { argv: server.command("default", "127.0.0.1", "true") };
    await until("sshd lets us in", async () => {
      if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}`);
      return await timeCommand(command).then(
        () => true,
        () => false,
      );
    });
    return server;
  }

  config(variant: SshVariant): string {
    return this.#folder.join(`ssh_config_${variant}`);
  }

  command(variant: SshVariant, address: string, ...words: readonly string[]): string[] {
    return ["ssh", "-F", this.config(variant), address, ...words];
  }

  /** Opens the connection that the variant "shared" goes over. */
  async openShared(address: string): Promise<void> {
    await outputOf({ argv: this.command("shared", address, "-f", "-N", "-M") });
  }

  async closeShared(address: string): Promise<void> {
    await outputOf({ argv: ["ssh", "-F", this.config("shared"), "-O", "exit", address] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exited;
  }
}

function writeConfigs(folder: TestFolder, port: number): void {
  const publicKey = readFileSync(folder.join("ssh_user.pub"), "utf8");
  folder.write("authorized_keys", `from="127.0.0.0/8" ${publicKey}`, 0o600);
  folder.write(
    "sshd_config",
    [
      `Port ${port}`,
      // All of 127.0.0.0/8; sshd takes no more than a few addresses by name.
      "ListenAddress 0.0.0.0",
      `HostKey ${folder.join("ssh_host")}`,
      `AuthorizedKeysFile ${folder.join("authorized_keys")}`,
      "AuthenticationMethods publickey",
      "PidFile none",
      "StrictModes no",
      "UsePAM no",
      "UseDNS no",
      "PrintMotd no",
      "PrintLastLog no",
      // The usual limit of ten logins at once would be no comparison.
      "MaxStartups 5000",
      "LogLevel QUIET",
      "",
    ].join("\n"),
  );
  const common = [
    `Port ${port}`,
    `User ${currentUser().name}`,
    `IdentityFile ${folder.join("ssh_user")}`,
    "IdentitiesOnly yes",
    "BatchMode yes",
    "StrictHostKeyChecking no",
    "UserKnownHostsFile /dev/null",
    "LogLevel ERROR",
  ];
  const variants: Readonly<Record<SshVariant, readonly string[]>> = {
    default: [],
    curve25519: ["KexAlgorithms curve25519-sha256"],
    shared: [`ControlPath ${folder.join("mux-%C")}`],
  };
  for (const [variant, lines] of Object.entries(variants)) {
    folder.write(`ssh_config_${variant}`, [...common, ...lines, ""].join("\n"), 0o600);
  }
}
