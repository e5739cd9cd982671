/**
 * Control hosts that have been set up, and agents that they have paired. To make a CA and certificates takes longer than to
 * start a program, so what the product's own functions made for one test is laid down for later ones of this process.
 * Each is one test's at a time: two hosts of a test never have a CA in common.
 */
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Enrolled } from "../../src/agent/trust/identity-files.ts";
import { storeIdentity } from "../../src/agent/trust/identity-files.ts";
import type { Controller } from "../../src/controller/control-host.ts";
import type { ApprovalOptions } from "../../src/controller/pairing/desk.ts";
import type { AgentRecord } from "../../src/controller/store/agent-record.ts";
import { findAgent } from "../../src/controller/store/registry.ts";
import { loadCredential } from "../../src/controller/trust/credential.ts";
import type { AgentConfig } from "../../src/core/config/agent-config.ts";
import type { Serial } from "../../src/core/serial.ts";
import { isoSeconds } from "../../src/core/time.ts";
import { readCertificate } from "../../src/pki/certificate.ts";
import { TestFolder } from "./folder.ts";
import { localController, pairLocally, setupLocally } from "./local-pairing.ts";

/** Settings on which depends what a set-up makes, or where. */
const DECISIVE = /^\s*(ca_dir|cert|cert_backdate|cert_days|key|key_type|state_dir)\s*=/;

const STATE = "state";
const PAIRING = join(STATE, "pairing");

interface Entry {
  /** Below the control host's folder. */
  readonly path: string;
  readonly mode: number;
  /** Undefined if it is a folder. */
  readonly content: Buffer | undefined;
}

interface Paired {
  readonly record: AgentRecord;
  readonly keyPem: string;
  readonly enrolled: Enrolled;
  /** Of the folder in which requests wait. */
  readonly mode: number;
}

/** Those that no test has now. */
const free: PreparedHost[] = [];

export class PreparedHost {
  readonly #entries: readonly Entry[];
  readonly fingerprint: string;
  readonly #paired = new Map<string, Paired>();
  /** In this test; the second time, a host gets another certificate. */
  readonly #used = new Set<string>();

  readonly #serial: Serial;

  private constructor(entries: readonly Entry[], fingerprint: string, serial: Serial) {
    this.#entries = entries;
    this.fingerprint = fingerprint;
    this.#serial = serial;
  }

  /** @param lines of ctrl-exec.conf; undefined if with these a set-up would make something else */
  static async take(lines: readonly string[]): Promise<PreparedHost | undefined> {
    if (lines.some((line) => DECISIVE.test(line))) return undefined;
    return free.pop() ?? (await PreparedHost.#make());
  }

  static async #make(): Promise<PreparedHost> {
    using folder = new TestFolder();
    const text = `state_dir = ${folder.join(STATE)}\n`;
    const config = folder.write("ctrl-exec.conf", text);
    const controller = await localController(config, text);
    const fingerprint = await setupLocally(controller);
    const { serial } = loadCredential(controller.config, controller.now()).certificate;
    const entries = (readdirSync(folder.path, { recursive: true }) as string[])
      .filter((path) => path !== "ctrl-exec.conf")
      // A folder before what is in it.
      .sort()
      .map((path): Entry => {
        const stat = statSync(folder.join(path));
        const content = stat.isFile() ? readFileSync(folder.join(path)) : undefined;
        return { path, mode: stat.mode & 0o7777, content };
      });
    return new PreparedHost(entries, fingerprint, serial);
  }

  /** Lays it down. @param folder the control host's */
  placeIn(folder: string): void {
    for (const { path, mode, content } of this.#entries) {
      const place = join(folder, path);
      if (content === undefined) mkdirSync(place);
      else writeFileSync(place, content);
      chmodSync(place, mode);
    }
  }

  /** As pairLocally. */
  async pair(
    controller: Controller,
    hostname: string,
    config: AgentConfig,
    options: ApprovalOptions,
  ): Promise<void> {
    const { cert_days, cert_backdate } = controller.config;
    const key = JSON.stringify([hostname, options, cert_days, cert_backdate]);
    // Some tests move their clock.
    const today = Math.abs(controller.now().getTime() - Date.now()) < 60_000;
    const usable = today && !this.#used.has(key) && this.#isIn(controller);
    this.#used.add(key);
    const known = this.#paired.get(key);
    if (usable && known !== undefined) await lay(controller, config, options, known);
    else {
      await pairLocally(controller, hostname, config, options);
      if (usable) this.#paired.set(key, lookedUp(controller, hostname, config, this.#serial));
    }
  }

  /** Whether the CA is still the one that was laid down, and the certificate by which agents know this host. */
  #isIn({ config, now }: Controller): boolean {
    if (loadCredential(config, now()).certificate.serial !== this.#serial) return false;
    const ca = this.#entries.filter(({ path }) => path === "ca.crt" || path === "ca.key");
    return ca.every(({ path, content }) => {
      return content?.equals(readFileSync(join(config.ca_dir, path))) === true;
    });
  }

  giveBack(): void {
    this.#used.clear();
    free.push(this);
  }
}

/** What a pairing has left. */
function lookedUp(
  { config }: Controller,
  hostname: string,
  agent: AgentConfig,
  controllerSerial: Serial,
): Paired {
  const found = findAgent(config, hostname);
  if (found?.kind !== "agent") throw new Error(`${hostname} is not registered`);
  const read = (path: string) => readFileSync(path, "utf8");
  const { record } = found;
  const enrolled = {
    certPem: read(agent.cert),
    ca: readCertificate(read(agent.ca), "the CA"),
    controllerSerial,
  };
  const { mode } = statSync(join(config.ca_dir, PAIRING));
  return { record, keyPem: read(agent.key), enrolled, mode: mode & 0o7777 };
}

/** Leaves the same, with the times of now. */
async function lay(
  { config, now, store }: Controller,
  agent: AgentConfig,
  options: ApprovalOptions,
  { record, keyPem, enrolled, mode }: Paired,
): Promise<void> {
  const { hostname } = record;
  const paired = isoSeconds(now());
  const pairing = join(config.ca_dir, PAIRING);
  mkdirSync(pairing, { recursive: true });
  chmodSync(pairing, mode);
  await store.exclusively(async (writer) => {
    await store.certificates.note(readCertificate(enrolled.certPem, "the certificate"));
    const port = options.port ?? agent.port;
    await writer.putAgent({ ...record, paired, serial_confirmed: paired, port });
    await store.learned.forget(hostname);
    await store.learned.learn(new Map([[hostname, {}]]));
  });
  storeIdentity(agent, keyPem, enrolled);
}
