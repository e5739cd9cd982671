/**
 * The steps before TLS: `allowed_ips`, then rate limits. A refusal here costs no handshake. Rate limits and the
 * quiet log count an IPv6 host by its /64 (T21).
 *
 * The limits are for strangers. A connection that shows the controller's serial is removed from the count. If
 * others get its address blocked, that exact address stays admitted, one handshake at a time.
 */

import type { AgentConfig } from "../../core/config/agent-config.ts";
import type { AgentLog } from "../../core/events.ts";
import type { AddressList } from "../../core/net/address-list.ts";
import { callerNetwork } from "../../core/net/caller-network.ts";
import { QuietLog } from "../../core/quiet-log.ts";
import { MAX_SOURCES, RateLimiter } from "./rate-limit.ts";

export interface CallerAtHub {
  readonly hub: string;
  readonly address: string;
}

export type Admission = "admitted" | "one-at-a-time" | "refused";

export class Gate {
  readonly #allowed: AddressList | undefined;
  readonly #limited: boolean;
  readonly #volume: RateLimiter;
  readonly #probe: RateLimiter;
  /** Addresses that have shown the controller's serial, the most recent last. */
  readonly #trusted = new Set<string>();
  readonly #log: AgentLog;
  readonly #quiet: QuietLog;

  /** A new gate starts without any count or block: this is the reset at SIGHUP. */
  constructor(config: AgentConfig, allowed: AddressList | undefined, log: AgentLog) {
    this.#allowed = allowed;
    this.#limited = !config.rate_limit_disable;
    this.#volume = new RateLimiter(config.rate_limit_volume, () => this.#evicted());
    this.#probe = new RateLimiter(config.rate_limit_probe, () => this.#evicted());
    this.#log = log;
    this.#quiet = new QuietLog(log);
  }

  /**
   * @param now milliseconds of a clock that does not run backwards
   * @param caller who calls through a hub at `ip`, as the hub tells it: whether it may connect depends on its own address,
   * and what it may cost on the hub's, about which the hub cannot lie
   */
  admits(ip: string, now: number, caller: CallerAtHub | undefined = undefined): Admission {
    const { address = ip, hub: via } = caller ?? {};
    if (this.#allowed?.has(address) === false) {
      const kind = `ip-block ${callerNetwork(address)}`;
      this.#quiet.event(kind, now, { event: "ip-block", peer: address, via });
      return "refused";
    }
    if (!this.#limited) return "admitted";
    const source = callerNetwork(ip);
    if (this.#probe.isBlocked(source, now)) return this.#admitsBlocked(ip);
    const verdict = this.#volume.count(source, now);
    if (verdict === "begins") this.#blockBegins(ip, "volume");
    return verdict === "pass" ? "admitted" : this.#admitsBlocked(ip);
  }

  #admitsBlocked(ip: string): Admission {
    return this.#trusted.has(ip) ? "one-at-a-time" : "refused";
  }

  /** A handshake of the source failed. */
  handshakeFailed(ip: string, now: number): void {
    if (!this.#limited) return;
    if (this.#probe.count(callerNetwork(ip), now) === "begins") this.#blockBegins(ip, "probe");
  }

  /** A connection has shown the controller's serial. @param at when it was admitted */
  trustedFrom(ip: string, at: number): void {
    this.#volume.takeBack(callerNetwork(ip), at);
    this.#trusted.delete(ip);
    const [oldest] = this.#trusted;
    if (this.#trusted.size >= MAX_SOURCES && oldest !== undefined) this.#trusted.delete(oldest);
    this.#trusted.add(ip);
  }

  #blockBegins(ip: string, reason: "volume" | "probe"): void {
    this.#log({ event: "rate-block", peer: ip, reason });
  }

  #evicted(): void {
    this.#quiet.event("rate-evict", performance.now(), { event: "rate-evict", count: 1 });
  }
}
