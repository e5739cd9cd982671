/**
 * A control host with its CA, and as many agents as a section asks for: real certificates, real
 * registry files. Only the pairing exchange is left out, which is not measured.
 */
import { createPrivateKey, randomBytes } from "node:crypto";
import { CONTROLLER_NAME } from "../../src/core/net/host-name.ts";
import type { Tags } from "../../src/core/tags.ts";
import { createCaCertificate, issueCertificate, serialFrom } from "../../src/pki/authority.ts";
import { type CertificateFacts, readCertificate } from "../../src/pki/certificate.ts";
import { generateKeyPem, publicKeyBytes, readPrivateKey } from "../../src/pki/keys.ts";
import { freePort } from "../../src/system/net/free-port.ts";
import { TestFolder } from "../support/folder.ts";
import { agentSettings, hostAddress, hostName } from "./hosts.ts";

export class Fleet implements Disposable {
  readonly folder = new TestFolder();
  readonly port: number;
  #caKey = "";
  #ca: CertificateFacts | undefined;
  #agentKey = "";
  #controllerSerial = "";
  #agents = 0;

  private constructor(port: number) {
    this.port = port;
  }

  static async create(): Promise<Fleet> {
    const fleet = new Fleet(freePort());
    await fleet.#setUp();
    return fleet;
  }

  async #setUp(): Promise<void> {
    this.#caKey = await generateKeyPem("ec");
    const caPem = await createCaCertificate({
      name: "bench CA",
      key: createPrivateKey(this.#caKey),
      now: new Date(),
      backdate: 3600,
      serial: serialFrom(randomBytes(16)),
    });
    this.#ca = readCertificate(caPem, "ca");
    const controllerKey = await generateKeyPem("ec");
    const controller = await this.#issue(CONTROLLER_NAME, controllerKey);
    this.#controllerSerial = readCertificate(controller, "controller").serial;
    this.#agentKey = await generateKeyPem("ec");
    for (const side of ["control", "agents"]) this.folder.write(`${side}/ca.crt`, caPem);
    this.folder.write("control/ctrl-exec.crt", controller);
    this.folder.write("control/ctrl-exec.key", controllerKey, 0o600);
    this.folder.write("agents/agent.key", this.#agentKey, 0o600);
    this.folder.write("agents/ctrl-exec-serial", `${this.#controllerSerial}\n`);
    this.folder.write("agents/scripts.conf", `true = ${Bun.which("true") ?? "/bin/true"}\n`);
  }

  async #issue(commonName: string, keyPem: string): Promise<string> {
    if (this.#ca === undefined) throw new Error("no CA");
    return await issueCertificate({
      commonName,
      publicKey: publicKeyBytes(readPrivateKey(keyPem, commonName)),
      ca: this.#ca,
      caKey: createPrivateKey(this.#caKey),
      days: 30,
      now: new Date(),
      backdate: 3600,
      serial: serialFrom(randomBytes(16)),
    });
  }

  /** Certificates for hosts 0 to count - 1, those that are not there yet. */
  async certify(count: number): Promise<void> {
    for (; this.#agents < count; this.#agents++) {
      const name = hostName(this.#agents);
      this.folder.write(`agents/${name}.crt`, await this.#issue(name, this.#agentKey));
    }
  }

  /**
   * A control host that has `count` agents in its registry.
   *
   * @param tags its own, of each of them
   * @returns its configuration file
   */
  controlHost(
    count: number,
    lines: readonly string[] = [],
    tags?: (index: number) => Tags,
  ): string {
    const state = `state-${count}`;
    for (let index = 0; index < count; index++) {
      const record = { ...this.#record(index), tags: tags?.(index) };
      this.folder.write(`${state}/agents/${record.hostname}.json`, JSON.stringify(record));
    }
    return this.folder.write(
      `control/hosts-${count}-${lines.length}.conf`,
      [`state_dir = ${this.folder.join(state)}`, ...lines, ""].join("\n"),
    );
  }

  #record(index: number) {
    return {
      hostname: hostName(index),
      ip: hostAddress(index),
      port: this.port,
      lookup_by: "ip",
      paired: new Date().toISOString(),
      expiry: "Jun  7 16:28:00 2035 GMT",
      reqid: "00000000000000aa",
      dispatcher_serial: this.#controllerSerial,
      serial_status: "current",
      serial_broadcast: "",
      serial_confirmed: "",
    };
  }

  /** A configuration for one compiled agent, with more lines. @returns the file */
  agentConfig(
    index: number,
    scripts: Readonly<Record<string, string>> = {},
    lines: readonly string[] = [],
  ): string {
    const listed = Object.entries(scripts).map(
      ([name, body]) => `${name} = ${this.folder.script(`agents/scripts/${name}`, body)}\n`,
    );
    this.folder.write(
      "agents/scripts.conf",
      `true = ${Bun.which("true") ?? "/bin/true"}\n${listed.join("")}`,
    );
    return this.folder.write(
      `agents/${hostName(index)}.conf`,
      [agentSettings(this.folder.path, index, this.port), ...lines, ""].join("\n"),
    );
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}
