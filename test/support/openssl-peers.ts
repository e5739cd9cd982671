/** The openssl command line: what the other side's TLS library does, and how 0.8 made its certificates. */
import { runCommand } from "./binary.ts";
import type { TestFolder } from "./folder.ts";
import { rsa4096Key } from "./openssl.ts";

/** Runs openssl and returns what it printed. */
export async function runOpenssl(args: readonly string[], input?: string): Promise<string> {
  const options = input === undefined ? {} : { input };
  const { status, out, err } = await runCommand(["openssl", ...args], options);
  if (status !== 0) throw new Error(`openssl ${args.join(" ")} ended ${status}: ${err}`);
  return out;
}

/** A TLS server that wants a client certificate; waits until it listens. */
export async function startSServer(
  port: number,
  args: readonly string[],
): Promise<AsyncDisposable> {
  const child = Bun.spawn(["openssl", "s_server", "-accept", `127.0.0.1:${port}`, ...args], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const decoder = new TextDecoder();
  let text = "";
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const read = async () => {
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes("ACCEPT")) resolve();
    }
    reject(new Error(`s_server ended: ${text}`));
  };
  void read();
  await promise;
  return {
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
}

export interface SClientOptions {
  readonly port: number;
  /** Files. */
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  /** Such as `-tls1_2`. */
  readonly more?: readonly string[];
}

/** Sends the bytes over `openssl s_client` and returns what came back until the other side closed. */
export async function sClient(options: SClientOptions, bytes: string): Promise<string> {
  const file = (name: string, path: string | undefined) => (path === undefined ? [] : [name, path]);
  const child = Bun.spawn(
    [
      "openssl",
      "s_client",
      "-connect",
      `127.0.0.1:${options.port}`,
      "-quiet",
      ...file("-cert", options.cert),
      ...file("-key", options.key),
      ...file("-CAfile", options.ca),
      ...(options.ca === undefined ? [] : ["-verify_return_error"]),
      ...(options.more ?? []),
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "ignore" },
  );
  // The other side may refuse and close before it has taken everything.
  const sent = async () => {
    child.stdin.write(bytes);
    await child.stdin.flush();
  };
  await sent().catch(() => undefined);
  // Standard input stays open: s_client would close the connection before the answer is there.
  const answer = await new Response(child.stdout).text();
  await Promise.allSettled([child.stdin.end(), child.exited]);
  return answer;
}

/**
 * A CA and certificates as 0.8 made them: RSA-4096, X.509 v1, serials that count up from 01. One key
 * serves all hosts: nothing here is about whose it is.
 */
export class LegacyAuthority {
  readonly caFile: string;
  readonly hostKeyFile: string;
  readonly #folder: TestFolder;
  readonly #keyFile: string;

  private constructor(folder: TestFolder) {
    this.#folder = folder;
    this.caFile = folder.join("legacy", "ca.crt");
    this.hostKeyFile = folder.join("legacy", "host.key");
    this.#keyFile = folder.join("legacy", "ca.key");
  }

  static async create(folder: TestFolder): Promise<LegacyAuthority> {
    const legacy = new LegacyAuthority(folder);
    folder.write("legacy/ca.key", rsa4096Key("ca"), 0o600);
    folder.write("legacy/host.key", rsa4096Key("host"), 0o600);
    await runOpenssl([
      ...["req", "-new", "-x509", "-key", legacy.#keyFile, "-out", legacy.caFile],
      ...["-days", "3650", "-sha256", "-subj", "/CN=ctrl-exec CA/O=ctrl-exec"],
    ]);
    return legacy;
  }

  /** @param serial hex, as 0.8 counts: `02`, `03` */
  async issue(name: string, serial: string): Promise<LegacyCredential> {
    const csr = await runOpenssl(["req", "-new", "-key", this.hostKeyFile, "-subj", `/CN=${name}`]);
    const cert = this.#folder.write(`legacy/${name}.crt`, await this.sign(csr, serial));
    return { cert, key: this.hostKeyFile };
  }

  /** The certificate for a request, without extensions: X.509 v1. PEM in, PEM out. */
  async sign(csr: string, serial: string): Promise<string> {
    return await runOpenssl(
      [
        ...["x509", "-req", "-CA", this.caFile, "-CAkey", this.#keyFile],
        ...["-set_serial", `0x${serial}`, "-days", "365", "-sha256"],
      ],
      csr,
    );
  }
}

/** Files. */
export interface LegacyCredential {
  readonly cert: string;
  readonly key: string;
}
