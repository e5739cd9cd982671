/** A control connection to one hub, made when it is first needed: which agents are there, and tickets to call them. */
import type { X509Certificate } from "node:crypto";
import { CtrlExecError } from "../../core/errors.ts";
import type { HubAddress } from "../../core/net/hub-address.ts";
import type { HubFrame } from "../../core/wire/hub-frames.ts";
import { within } from "../../system/deadline.ts";
import type { Connection } from "../../system/net/connection.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import { dialHub, dialWithTicket, whyNoHub } from "../../system/net/dial-hub.ts";
import { HubLink } from "../../system/net/hub-link.ts";
import type { TlsCredential } from "../../system/net/tls-credential.ts";

/** A hub that cannot be reached is not dialled again for every host of a fan-out. */
const AGAIN_MS = 1_000;

export interface HubClientOptions {
  readonly address: HubAddress;
  readonly credential: TlsCredential;
  readonly timeoutMs: number;
  /** What is wrong with the hub's certificate; undefined if it is the hub that was meant. */
  judge(peer: X509Certificate): string | undefined;
}

/** An agent at a hub. */
export interface AgentAtHub {
  /** `host:port` of the hub. */
  readonly hub: string;
  /** Since when it is connected: ISO 8601, by the hub's clock. */
  readonly since: string;
  /** Whether it says that it can be called directly as well. */
  readonly listens: boolean;
}

type Answer = Extract<HubFrame, { readonly id: number }>;
type Question = { readonly type: "Q" | "O"; readonly host: string };

interface Joined {
  readonly link: HubLink;
  readonly waiting: Map<number, (answer: Answer | undefined) => void>;
}

export class HubClient {
  readonly #options: HubClientOptions;
  #joined: Promise<Joined> | undefined;
  #link: HubLink | undefined;
  /** As performance.now() has it: when the hub could not be reached. */
  #failedAt: number | undefined;
  #lastId = 0;
  #problem: CtrlExecError | undefined;

  constructor(options: HubClientOptions) {
    this.#options = options;
  }

  /** Why it cannot be asked; undefined if it can, or was not asked yet. */
  get problem(): CtrlExecError | undefined {
    return this.#problem;
  }

  get label(): string {
    return this.#options.address.label;
  }

  /** Undefined if it is not there. @throws CtrlExecError `unreachable` if the hub cannot say */
  async find(host: string): Promise<AgentAtHub | undefined> {
    const answer = await this.#ask({ type: "Q", host });
    if (answer.type !== "A") return undefined;
    const { since, listens } = answer;
    return { hub: this.label, since, listens };
  }

  /**
   * A connection to the hub, which the agent joins: a TLS client may begin at once.
   *
   * @throws CtrlExecError `unreachable` if the hub or the agent is not there; ConnectionFailed
   */
  async open(host: string): Promise<Connection> {
    const { address, timeoutMs } = this.#options;
    const answer = await this.#ask({ type: "O", host });
    if (answer.type === "G") {
      return await dialWithTicket(address, answer.ticket, timeoutMs, "client");
    }
    const why = answer.type === "N" ? answer.error : "the hub does not say why";
    throw unreachable(`Cannot call ${host} through the hub ${this.label}: ${why}`);
  }

  close(): void {
    this.#link?.close();
  }

  async #ask(question: Question): Promise<Answer> {
    const { timeoutMs } = this.#options;
    const { link, waiting } = await this.#join();
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    waiting.set(id, resolve);
    if (link.closed) resolve(undefined);
    else link.send({ ...question, id });
    const answer = await within(timeoutMs, promise, () => undefined);
    waiting.delete(id);
    if (answer !== undefined) return answer;
    throw unreachable(
      `Cannot ask the hub ${this.label} about ${question.host}: it does not answer`,
    );
  }

  #hubHint(): string {
    return this.#options.address.pin === undefined
      ? "It is part of ctrl-exec-api, with hub = on. See whether that runs: systemctl status ctrl-exec-api"
      : "Is it running there, and is the pin in hubs the fingerprint that it says at its start?";
  }

  async #join(): Promise<Joined> {
    if (this.#failedAt !== undefined && performance.now() - this.#failedAt > AGAIN_MS) {
      this.#joined = undefined;
      this.#failedAt = undefined;
    }
    this.#joined ??= this.#connect();
    return await this.#joined;
  }

  async #connect(): Promise<Joined> {
    const { address, credential, timeoutMs, judge } = this.#options;
    const waiting: Joined["waiting"] = new Map();
    const forget = () => {
      this.#joined = undefined;
      for (const answered of waiting.values()) answered(undefined);
    };
    try {
      const { connection } = await dialHub(address, credential, timeoutMs, undefined, judge);
      const link = new HubLink(
        connection,
        (frame) => {
          if ("id" in frame) waiting.get(frame.id)?.(frame);
        },
        forget,
      );
      this.#link = link;
      this.#problem = undefined;
      return { link, waiting };
    } catch (thrown) {
      this.#failedAt = performance.now();
      this.#problem = new CtrlExecError(
        "unreachable",
        `Cannot reach the hub ${this.label}: ${whyNoHub(thrown, "it hangs up")}`,
        { cause: thrown, hint: this.#hubHint() },
      );
      throw this.#problem;
    }
  }
}

function unreachable(message: string) {
  return new CtrlExecError("unreachable", message, {
    cause: new ConnectionFailed("ECONNRESET"),
    hint: "See whether the agent is running there, and names this hub in connect: its log then has ACTION=hub-up.",
  });
}
