/**
 * From accept to a caller with a name: connection cap -> allowed_ips -> rate limits -> TLS
 * handshake -> revocation. Each step refuses before the next one costs anything.
 */
import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { callerNetwork } from "../../core/caller-network.ts";
import { plainAddress } from "../../core/host-name.ts";
import type { Log } from "../../core/log-line.ts";
import { refusal } from "../endpoint.ts";
import type { Caller } from "../routes.ts";
import type { AgentState } from "../state.ts";
import type { StateKeeper } from "../state-keeper.ts";
import { isTrustedController } from "../trust.ts";
import { checkCertificate } from "./certificate-check.ts";
import { ConnectionClock } from "./connection-clock.ts";
import { Connections } from "./connections.ts";
import { Gate } from "./gate.ts";
import { handshake } from "./handshake.ts";
import { Pace } from "./pace.ts";
import { QuietLog } from "./quiet-log.ts";
import { rawResponse } from "./replies.ts";

const HANDSHAKE_MS = 10_000;

/** A caller that came in, and its connection. */
export interface Visit {
  readonly caller: Caller;
  readonly raw: Socket;
  readonly socket: TLSSocket;
  readonly clock: ConnectionClock;
}

export interface DoorOptions {
  readonly keeper: StateKeeper;
  readonly log: Log;
  readonly now: () => Date;
  /** Connections that may be open at once. */
  readonly cap: number;
  onVisit(visit: Visit): void;
}

/** Of the event loop, and so of the process: several agents in one share it. */
const pace = new Pace();

export class Door {
  readonly #options: DoorOptions;
  readonly #quiet: QuietLog;
  readonly #connections = new Connections<Socket>();
  #gate: Gate;
  #cap: number;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#quiet = new QuietLog(options.log);
    this.#gate = this.#newGate(options.keeper.current());
    this.#cap = options.cap;
  }

  /** Takes over a new configuration; the limits start anew. */
  reset(state: AgentState, cap: number): void {
    this.#gate = this.#newGate(state);
    this.#cap = cap;
  }

  closeAll(keep?: (raw: Socket) => boolean): void {
    this.#connections.closeAll(keep);
  }

  async accept(raw: Socket): Promise<void> {
    const ip = plainAddress(raw.remoteAddress ?? "");
    // Without a listener a reset would end the process.
    raw.on("error", () => undefined);
    if (!this.#gate.admits(ip, performance.now())) {
      raw.resetAndDestroy();
      return;
    }
    if (!this.#connections.admit(raw, this.#cap)) {
      this.#refuseFull(raw, ip);
      return;
    }
    raw.once("close", () => this.#connections.remove(raw));
    await pace.turn();
    if (raw.destroyed) return;
    const { context } = this.#options.keeper.current().trust;
    const outcome = await handshake(raw, context, HANDSHAKE_MS);
    if (outcome.kind === "done") this.#welcome(raw, outcome.socket, ip, outcome.peer);
    else if (outcome.kind === "failed") this.#handshakeFailed(ip, outcome.reason);
  }

  #newGate({ config, allowedIps }: AgentState): Gate {
    return new Gate(config, allowedIps.list, this.#options.log);
  }

  #refuseFull(raw: Socket, ip: string): void {
    raw.resetAndDestroy();
    this.#quiet.event("full", performance.now(), "err", "accept-fatal", {
      PEER: ip,
      REASON: `${this.#connections.size} connections are open`,
    });
  }

  #handshakeFailed(ip: string, reason: string): void {
    const now = performance.now();
    this.#quiet.event(`${callerNetwork(ip)} ${reason}`, now, "warning", "tls-failure", {
      PEER: ip,
      REASON: reason,
    });
    this.#gate.handshakeFailed(ip, now);
  }

  #welcome(raw: Socket, socket: TLSSocket, ip: string, peer: X509Certificate): void {
    const { keeper, log, now, onVisit } = this.#options;
    const { trust } = keeper.current();
    const check = checkCertificate(peer, trust.revoked, now());
    if (check.kind === "failed") {
      this.#handshakeFailed(ip, check.reason);
      raw.destroy();
      return;
    }
    const clock = new ConnectionClock(() => raw.destroy());
    raw.once("close", () => clock.stop());
    if (check.kind === "revoked") {
      log("warning", "revoked-cert", { PEER: ip, SERIAL: check.serial });
      socket.end(rawResponse(refusal(403, "certificate revoked")));
      return;
    }
    if (isTrustedController(trust, check.serial)) {
      this.#connections.promote(raw);
      this.#gate.trustedFrom(ip);
    }
    onVisit({ caller: { ip, serial: check.serial }, raw, socket, clock });
  }
}
