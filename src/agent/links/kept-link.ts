/** One control connection to one hub, for as long as the agent runs: dialled again whenever it is lost. */
import type { X509Certificate } from "node:crypto";
import { pauseBefore, SOUND_MS } from "../../core/back-off.ts";
import type { AgentLog } from "../../core/events.ts";
import type { HubAddress } from "../../core/net/hub-address.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { QuietLog } from "../../core/quiet-log.ts";
import { VERSION } from "../../core/version.ts";
import type { HubFrame } from "../../core/wire/hub-frames.ts";
import { pause } from "../../system/deadline.ts";
import type { Connection } from "../../system/net/connection.ts";
import { dialHub, dialWithTicket, whyNoHub } from "../../system/net/dial-hub.ts";
import { HubLink } from "../../system/net/hub-link.ts";
import type { AgentState } from "../state/state.ts";
import { hubProblem } from "./hub-judge.ts";

const DIAL_MS = 10_000;

/** Tickets that are being dialled at once, for each hub: one that sends more is not obeyed. */
const MAX_DIALS = 64;

/** A caller that comes through a hub, as the hub tells it. */
export interface Via {
  /** As agent.conf names it. */
  readonly hub: string;
  /** The caller's address; undefined if it is on the hub's own host. */
  readonly caller: string | undefined;
}

export interface LinkOptions {
  /** The state in force. */
  state(): AgentState;
  readonly log: AgentLog;
  readonly now: () => Date;
  /** A connection that was dialled with a ticket: its caller begins TLS, as on one that was accepted. */
  onCaller(connection: Connection, via: Via): void;
  /** From 0 up to, but not including, 1. */
  random(): number;
}

export class KeptLink {
  readonly #address: HubAddress;
  readonly #options: LinkOptions;
  readonly #quiet: QuietLog;
  readonly #ended = new AbortController();
  #dials = 0;

  constructor(address: HubAddress, options: LinkOptions) {
    this.#address = address;
    this.#options = options;
    this.#quiet = new QuietLog(options.log);
    void this.#keep();
  }

  stop(): void {
    this.#ended.abort();
  }

  async #keep(): Promise<void> {
    const { signal } = this.#ended;
    for (let failed = 0; !signal.aborted; failed += 1) {
      const began = performance.now();
      const reason = await this.#hold().catch(reasonOf);
      if (signal.aborted) return;
      const hub = this.#address.label;
      this.#quiet.event(reason, performance.now(), { event: "hub-down", hub, reason });
      if (performance.now() - began > SOUND_MS) failed = 0;
      await pause(pauseBefore(failed, this.#options.random()), signal);
    }
  }

  /** @returns why it ended. @throws ConnectionFailed */
  async #hold(): Promise<string> {
    const { trust, config } = this.#options.state();
    const judge = (peer: X509Certificate) =>
      hubProblem(this.#address, peer, trust, this.#options.now());
    const { credential } = trust.identity;
    const serial = this.#address.pin === undefined ? trust.controller.current : undefined;
    const { connection } = await dialHub(this.#address, credential, DIAL_MS, serial, judge);
    if (this.#ended.signal.aborted) {
      connection.close();
      return "it was stopped";
    }
    const { promise, resolve } = Promise.withResolvers<string>();
    let isUp = false;
    const take = (frame: HubFrame) => {
      if (frame.type === "W" && !isUp) {
        isUp = true;
        this.#options.log({ event: "hub-up", hub: this.#address.label });
      } else if (frame.type === "T") void this.#dialBack(frame.ticket, frame.caller);
      else {
        resolve(frame.type === "R" ? `it refuses: ${frame.error}` : `it sends ${frame.type}`);
        link.close();
      }
    };
    const link: HubLink = new HubLink(connection, take, (end, fault) => {
      resolve(fault === undefined ? end : `${end} ${fault.code}`);
    });
    const close = () => link.close();
    this.#ended.signal.addEventListener("abort", close);
    link.send({ type: "H", listens: config.listen, version: VERSION });
    const reason = await promise;
    this.#ended.signal.removeEventListener("abort", close);
    return reason;
  }

  async #dialBack(ticket: string, caller: string | undefined): Promise<void> {
    const { label: hub } = this.#address;
    // The hub's word goes into the log and to the hook: it is an address, or nothing.
    if (caller !== undefined && !isIp(caller)) return;
    if (this.#dials >= MAX_DIALS || this.#ended.signal.aborted) return;
    this.#dials += 1;
    try {
      const connection = await dialWithTicket(this.#address, ticket, DIAL_MS, "server");
      this.#options.onCaller(connection, { hub, caller });
    } catch (thrown) {
      const reason = `cannot dial back: ${reasonOf(thrown)}`;
      this.#quiet.event(reason, performance.now(), { event: "hub-down", hub, reason });
    } finally {
      this.#dials -= 1;
    }
  }
}

function reasonOf(thrown: unknown): string {
  return whyNoHub(thrown, "closed");
}
