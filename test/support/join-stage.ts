/** A control host's pairing port in the test's process, and hosts that join there, over real TLS. */
import { type JoinOptions, type JoinOutcome, join } from "../../src/agent/pairing/join.ts";
import { createToken, type TokenWish } from "../../src/controller/pairing/join-tokens.ts";
import { type PairingServer, startPairingServer } from "../../src/controller/pairing/server.ts";
import { readJoinToken } from "../../src/core/join-token.ts";
import { createCsr } from "../../src/pki/csr.ts";
import { generateKeyPem, readPrivateKey } from "../../src/pki/keys.ts";
import { LocalFleet } from "./local-fleet.ts";

const EVENTS = {
  onRequest: () => undefined,
  onPushedOut: () => undefined,
  onDecided: () => undefined,
  onWithdrawn: () => undefined,
};

/** What a host keeps from one try to the next. */
export type Joiner = Pick<JoinOptions, "hostname" | "keyPem" | "csrPem" | "nonce">;

export async function joiner(hostname: string): Promise<Joiner> {
  const keyPem = await generateKeyPem("ec");
  const csrPem = await createCsr(hostname, readPrivateKey(keyPem, "key"));
  return { hostname, keyPem, csrPem, nonce: crypto.getRandomValues(new Uint8Array(16)).toHex() };
}

export class JoinStage implements AsyncDisposable {
  readonly fleet: LocalFleet;
  #server: PairingServer | undefined;

  private constructor(fleet: LocalFleet) {
    this.fleet = fleet;
  }

  static async open(lines: readonly string[] = []): Promise<JoinStage> {
    const here = ["pairing_bind = 127.0.0.1", "pairing_port = 0"];
    const stage = new JoinStage(await LocalFleet.create([...here, ...lines]));
    await stage.openDoor();
    return stage;
  }

  get controller() {
    return this.fleet.controller;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  async openDoor(): Promise<void> {
    this.#server = await startPairingServer(this.controller, EVENTS);
  }

  async closeDoor(): Promise<void> {
    await this.#server?.close();
    this.#server = undefined;
  }

  /** The text of a new token. */
  async token(wish: Partial<TokenWish> = {}): Promise<string> {
    return (await createToken(this.controller, { seconds: 3600, uses: 1, ...wish })).text;
  }

  async join(
    text: string,
    who: string | Joiner,
    more: Partial<JoinOptions> = {},
  ): Promise<JoinOutcome> {
    const token = readJoinToken(text);
    if (typeof token === "string") throw new Error(token);
    const host = typeof who === "string" ? await joiner(who) : who;
    return await join({
      controller: "127.0.0.1",
      port: this.port,
      servePort: 7443,
      report: { version: "1.1.0" },
      token,
      own: undefined,
      now: () => this.fleet.now,
      ...host,
      ...more,
    });
  }

  /** How many uses of the token are taken. */
  async used(text: string): Promise<number> {
    const token = readJoinToken(text);
    return typeof token === "string" ? 0 : await this.controller.store.joinTokens.used(token.id);
  }

  /** Why the last join was refused, as the log has it. */
  get lastRefusal(): string | undefined {
    const reason = this.fleet.log.of("join-refuse").at(-1)?.fields.REASON;
    return reason === undefined ? undefined : String(reason);
  }

  /** The same in one word. */
  get lastCode(): unknown {
    return this.fleet.log.of("join-refuse").at(-1)?.fields.CODE;
  }

  async registered(): Promise<readonly string[]> {
    return await this.controller.store.registry.names();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeDoor();
    await this.fleet[Symbol.asyncDispose]();
  }
}
