/**
 * From accept to an identified caller: allowed_ips -> rate limits -> connection cap -> TLS handshake ->
 * revocation. Each step refuses before the next one costs anything. A caller that comes through a hub takes the same
 * steps: what the hub says of its address decides about allowed_ips alone, and is marked as the hub's word.
 */
import type { X509Certificate } from "node:crypto";
import type { AgentLog } from "../../core/events.ts";
import { callerNetwork } from "../../core/net/caller-network.ts";
import { QuietLog } from "../../core/quiet-log.ts";
import { identityOf } from "../../pki/certificate.ts";
import { checkCertificate } from "../../pki/certificate-check.ts";
import type { Connection } from "../../system/net/connection.ts";
import { handshakePace } from "../../system/net/handshake-pace.ts";
import { refusal } from "../endpoints/endpoint.ts";
import { ConnectionClock, type Late } from "../http/connection-clock.ts";
import { sendReply } from "../http/replies.ts";
import type { Visit } from "../http/visit.ts";
import type { Via } from "../links/kept-link.ts";
import type { AgentState } from "../state/state.ts";
import type { StateKeeper } from "../state/state-keeper.ts";
import { Connections } from "./connections.ts";
import { Gate } from "./gate.ts";
import { handshake } from "./handshake.ts";
import { KeptSlots } from "./kept-slots.ts";

const HANDSHAKE_MS = 10_000;

/** In the slot that a blocked address keeps: others at that address wait for their turn. */
const KEPT_HANDSHAKE_MS = 3_000;

interface Arrival {
  /** The other end of the TCP connection: the limits count it. */
  readonly source: string;
  /** The caller's address: the same, or what the hub says. */
  readonly ip: string;
  readonly hub: string | undefined;
  /** As performance.now() gives it. */
  readonly at: number;
}

export interface DoorOptions {
  readonly keeper: StateKeeper;
  readonly log: AgentLog;
  readonly now: () => Date;
  /** Connections that may be open at once. */
  readonly cap: number;
  onVisit(visit: Visit): void;
  /** Whether the visit has had its answer, and waits for the next request. */
  readonly isIdle: (connection: Connection) => boolean;
}

export class Door {
  readonly #options: DoorOptions;
  readonly #quiet: QuietLog;
  readonly #connections: Connections<Connection>;
  readonly #keptSlots = new KeptSlots();
  #gate: Gate;
  #cap: number;

  constructor(options: DoorOptions) {
    this.#options = options;
    this.#quiet = new QuietLog(options.log);
    this.#connections = new Connections(options.isIdle, (stranger) => this.#tellPutOut(stranger));
    this.#gate = this.#newGate(options.keeper.state);
    this.#cap = options.cap;
  }

  /** Takes over a new configuration; the limits start afresh. */
  reset(state: AgentState, cap: number): void {
    this.#gate = this.#newGate(state);
    this.#cap = cap;
  }

  /** How many are open. */
  get connections(): number {
    return this.#connections.size;
  }

  closeAll(keep?: (connection: Connection) => boolean): void {
    this.#connections.closeAll(keep);
  }

  /** @param via for a connection to a hub, at whose other end a caller begins TLS */
  async accept(connection: Connection, via?: Via): Promise<void> {
    const source = connection.address;
    // The peer has already gone: there is nothing to check, count or name.
    if (source === "") {
      connection.reset();
      return;
    }
    // A caller on the hub's own host has the hub's address.
    const ip = via?.caller ?? source;
    const arrival = { source, ip, hub: via?.hub, at: performance.now() };
    const atHub = via === undefined ? undefined : { hub: via.hub, address: ip };
    const admission = this.#gate.admits(source, arrival.at, atHub);
    const kept = admission === "one-at-a-time";
    if (admission === "refused" || (kept && this.#keptSlots.isFull(source))) {
      connection.reset();
      return;
    }
    if (!this.#connections.admit(connection, this.#cap)) {
      this.#refuseFull(connection, arrival);
      return;
    }
    connection.onClose(() => this.#connections.remove(connection));
    if (!kept) await this.#secure(connection, arrival, HANDSHAKE_MS);
    else {
      const work = () => this.#secure(connection, arrival, KEPT_HANDSHAKE_MS);
      await this.#keptSlots.inTurn(source, work);
    }
  }

  async #secure(connection: Connection, arrival: Arrival, deadlineMs: number): Promise<void> {
    await handshakePace.turn("server");
    if (connection.closed) return;
    const { credential } = this.#options.keeper.current().trust.identity;
    const outcome = await handshake(connection, credential, deadlineMs);
    if (outcome.kind === "done") this.#welcome(connection, arrival, outcome.peer);
    else if (outcome.kind === "failed") this.#handshakeFailed(arrival, outcome.reason);
  }

  #newGate({ config, allowedIps }: AgentState): Gate {
    return new Gate(config, allowedIps.list, this.#options.log);
  }

  #refuseFull(connection: Connection, { ip, hub }: Arrival): void {
    connection.reset();
    this.#quiet.event("full", performance.now(), {
      event: "accept-fatal",
      peer: ip,
      reason: `${this.#connections.size} connections are open`,
      via: hub,
    });
  }

  #tellPutOut(stranger: Connection): void {
    this.#quiet.event("room", performance.now(), {
      event: "hang-up",
      peer: stranger.address,
      reason: `made room for another: ${this.#connections.size} connections are open`,
    });
  }

  #handshakeFailed({ source, ip, hub }: Arrival, reason: string): void {
    const now = performance.now();
    this.#quiet.event(`${callerNetwork(ip)} ${reason}`, now, {
      event: "tls-failure",
      peer: ip,
      reason,
      via: hub,
    });
    this.#gate.handshakeFailed(source, now);
  }

  /** The peer only sees that it was hung up on; the reason is known only here. */
  #tellLate({ ip, hub: via }: Arrival, late: Late): void {
    if (late === "idle") return;
    const reason =
      late === "request" ? "no whole request came in time" : "the answer was not taken in time";
    const kind = `${callerNetwork(ip)} ${late}`;
    this.#quiet.event(kind, performance.now(), { event: "hang-up", peer: ip, reason, via });
  }

  #welcome(connection: Connection, arrival: Arrival, peer: X509Certificate): void {
    const { source, ip, hub, at } = arrival;
    const { keeper, now, onVisit } = this.#options;
    const { trust } = keeper.current();
    const check = checkCertificate(peer, trust.revoked, now());
    if (check.kind === "failed") {
      this.#handshakeFailed(arrival, check.reason);
      connection.close();
      return;
    }
    const clock = new ConnectionClock((late) => {
      this.#tellLate(arrival, late);
      connection.close();
    });
    connection.onClose(() => clock.stop());
    if (check.kind === "revoked") {
      const kind = `${callerNetwork(ip)} revoked ${check.serial}`;
      this.#quiet.event(kind, performance.now(), {
        event: "revoked-cert",
        peer: ip,
        serial: check.serial,
        via: hub,
      });
      void sendReply(connection, refusal(403, "certificate revoked"), true, now());
      void connection.hangUp();
      return;
    }
    const certificate = identityOf(peer);
    if (trust.controller.judge(certificate).kind === "trusted") {
      this.#connections.promote(connection);
      this.#gate.trustedFrom(source, at);
    }
    onVisit({
      // At a hub, both ends may be on this host, and the caller anywhere.
      caller: { ip, hub, certificate, local: hub === undefined && connection.isLocal },
      connection,
      clock,
    });
  }
}
