/** How an agent is reached: directly, through a hub, or through a hub when that fails; and the connection to it. */
import { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import { isIp } from "../../core/net/ip-address.ts";
import { identityOf, speaksFor } from "../../pki/certificate.ts";
import type { Connection } from "../../system/net/connection.ts";
import { ConnectionFailed } from "../../system/net/connection-failed.ts";
import { dial } from "../../system/net/dial.ts";
import type { ShownByAgent } from "./agent-request.ts";
import type { Dialler } from "./dialler.ts";
import type { WayThroughHub } from "./hubs.ts";
import type { AgentConnection } from "./pool.ts";
import { dialAddress, type ResolvedTarget } from "./targets.ts";

/**
 * A handshake that takes longer is waiting for the other side and starves nobody, so its slot is freed (T23).
 */
const HANDSHAKE_SLOT_MS = 250;

/** A host that can be called directly answers within this time; otherwise the hub is next. */
const DIRECT_FIRST_MS = 2_000;

export type Connect = () => Promise<AgentConnection>;

/** The call for which an agent is dialled. */
export interface Calling {
  /** Is told the host's own address, once it is known. */
  onPeer(address: string): void;
  /** Called before the handshake, for which it need not wait any more. */
  onConnected(connection: Connection): void;
  /** Whether nobody waits for an answer any more. */
  isOver(): boolean;
}

export class AgentRoute {
  readonly #dialler: Dialler;
  readonly #target: ResolvedTarget;
  readonly #call: Calling;
  #host = "";
  #address = "";
  #isAtHub = false;
  #shown: ShownByAgent | undefined;

  constructor(dialler: Dialler, target: ResolvedTarget, call: Calling) {
    this.#dialler = dialler;
    this.#target = target;
    this.#call = call;
  }

  /** As in the request's head. */
  get host(): string {
    return this.#host;
  }

  /** For messages. */
  get address(): string {
    return this.#address;
  }

  /** What the handshake showed, if it was the host's own certificate. */
  get shown(): ShownByAgent | undefined {
    return this.#shown;
  }

  async find(): Promise<Connect> {
    const { config, hubs } = this.#dialler;
    const { record, port } = this.#target;
    // Only a registered host has a name that a hub can be asked for, and that must be in its certificate.
    const way = record && (await hubs?.wayTo(record.hostname));
    this.#isAtHub = way !== undefined;
    if (way !== undefined && (!way.listens || config.reach === "hub")) {
      this.#host = formatHostPort(record?.hostname ?? "", port);
      return this.#through(way);
    }
    const address = await dialAddress(this.#target, config.connect_timeout * 1000, config.file);
    this.#host = formatHostPort(address, port);
    this.#address = this.#host;
    if (isIp(address)) this.#call.onPeer(address);
    return () => this.#connectEither(address, way);
  }

  /** Nobody should look at the network of a host that was meant to be called through a hub. */
  alsoNotAtHub(problem: unknown): unknown {
    const { hubs } = this.#dialler;
    if (hubs === undefined || this.#isAtHub || this.#target.record === undefined) return problem;
    if (!(problem instanceof CtrlExecError) || problem.code !== "unreachable") return problem;
    const [down] = hubs.problems;
    const why =
      down?.message ?? "No hub knows it either: if it should, its log has ACTION=hub-down";
    const hint = [why, problem.hint].filter((part) => part !== undefined).join(". ");
    return new CtrlExecError("unreachable", problem.message, { cause: problem.cause, hint });
  }

  /** Direct first. Nothing has been sent when that fails, so the hub repeats nothing. */
  async #connectEither(address: string, way: WayThroughHub | undefined): Promise<AgentConnection> {
    const timeoutMs = this.#dialler.config.connect_timeout * 1000;
    if (way === undefined) return await this.#connect(address, timeoutMs);
    try {
      return await this.#connect(address, Math.min(timeoutMs, DIRECT_FIRST_MS));
    } catch (thrown) {
      if (!(thrown instanceof ConnectionFailed) || this.#call.isOver()) throw thrown;
      return await this.#through(way)();
    }
  }

  /** From now on, messages name the hub. */
  #through(way: WayThroughHub): Connect {
    this.#address = `${this.#host} through the hub ${way.hub}`;
    return () => this.#connect("", this.#dialler.config.connect_timeout * 1000, way);
  }

  /** @param way undefined for a direct connection */
  async #connect(
    address: string,
    timeoutMs: number,
    way?: WayThroughHub,
  ): Promise<AgentConnection> {
    const { credential, handshakes } = this.#dialler;
    const { record, port } = this.#target;
    let peerAddress = "";
    let release: (() => void) | undefined;
    const onConnected = async (connection: Connection) => {
      // The other end of a connection to a hub is the hub.
      peerAddress = way === undefined ? connection.address : "";
      if (peerAddress !== "") this.#call.onPeer(peerAddress);
      // Waiting for a slot does not count as the host's time.
      release = await handshakes.acquire();
      setTimeout(release, HANDSHAKE_SLOT_MS).unref();
      this.#call.onConnected(connection);
    };
    try {
      const open = way && { open: () => way.open() };
      const route = { host: address, port, credential, timeoutMs, ...open, onConnected };
      const { connection, peer } = await dial(route);
      const openedAt = performance.now();
      const identity = identityOf(peer);
      if (record !== undefined && speaksFor(identity, record.hostname)) {
        const notAfter = new Date(peer.validTo);
        this.#shown = { serial: identity.serial, notAfter, address: peerAddress, port };
      }
      return { tls: connection, peer: identity, peerAddress, hub: way, openedAt };
    } finally {
      release?.();
    }
  }
}
