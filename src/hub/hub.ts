/**
 * A hub: agents that cannot be called keep a connection to it, and control hosts call them through it. It joins byte
 * streams, and is trusted with nothing else: whom a control host talks to, and what about, is settled between the two by
 * the same mutual TLS as on a direct connection (docs/SECURITY.md, "Hubs").
 */
import type { X509Certificate } from "node:crypto";
import type { HubShares } from "../core/descriptor-shares.ts";
import type { HubLog } from "../core/events.ts";
import { callerNetwork } from "../core/net/caller-network.ts";
import { QuietLog } from "../core/quiet-log.ts";
import type { Serial } from "../core/serial.ts";
import { isoSeconds } from "../core/time.ts";
import { VERSION } from "../core/version.ts";
import type { HubFrame } from "../core/wire/hub-frames.ts";
import { type CertificateIdentity, identityOf, ownName } from "../pki/certificate.ts";
import { checkCertificate } from "../pki/certificate-check.ts";
import { formOf } from "../pki/whose-certificate.ts";
import { Deadline } from "../system/deadline.ts";
import type { Connection } from "../system/net/connection.ts";
import { HubLink } from "../system/net/hub-link.ts";
import { listenTcp } from "../system/net/tcp.ts";
import type { TlsCredential } from "../system/net/tls-credential.ts";
import { Meetings } from "./meetings.ts";
import { type Member, Members } from "./members.ts";
import { Reception } from "./reception.ts";

export interface HubOptions {
  readonly bind: string;
  readonly port: number;
  readonly limits: HubShares;
  /**
   * The hub's certificate and key, and the CA of its peers.
   * @param serial if the hub has several certificates, the one that the peer would know it by
   */
  credential(serial: Serial | undefined): TlsCredential;
  /** Of its certificate, for the log. */
  readonly fingerprint: string;
  isRevoked(serial: Serial): boolean;
  readonly log: HubLog;
  readonly now: () => Date;
}

export interface Hub {
  readonly port: number;
  /** How many agents are connected. */
  readonly agents: number;
  /** Stops accepting, and closes everything. */
  close(): void;
}

/** How long a peer has to say who it is once it has shown its certificate. */
const HELLO_MS = 10_000;

/** @throws CtrlExecError `config` when the port cannot be bound */
export function startHub(options: HubOptions): Hub {
  const { bind, log, fingerprint } = options;
  const hub = new RunningHub(options);
  const listening = listenTcp(bind, options.port, (connection) => hub.accept(connection));
  const { port } = listening;
  log({ event: "hub-start", bind, fingerprint, port });
  return {
    port,
    get agents() {
      return hub.agents;
    },
    close() {
      listening.stop();
      hub.closeAll();
    },
  };
}

/** A peer whose certificate is verified, and its control connection. */
interface Peer {
  readonly link: HubLink;
  readonly address: string;
  readonly isLocal: boolean;
  readonly identity: CertificateIdentity;
}

class RunningHub {
  readonly #options: HubOptions;
  readonly #quiet: QuietLog<Parameters<HubLog>[0]>;
  readonly #reception: Reception;
  readonly #members: Members;
  readonly #meetings: Meetings;
  readonly #links = new Set<HubLink>();
  #callers = 0;

  constructor(options: HubOptions) {
    const { limits, log } = options;
    this.#options = options;
    this.#quiet = new QuietLog(log);
    this.#members = new Members(limits.agents);
    this.#meetings = new Meetings(limits.calls);
    this.#reception = new Reception({
      limit: limits.strangers,
      credential: options.credential,
      onPeer: (connection, peer, settled) => this.#welcome(connection, peer, settled),
      onTicket: (ticket, end) => this.#meetings.arrive(ticket, end),
      onRefused: (address, reason) => this.#tellRefused(address, reason),
    });
  }

  get agents(): number {
    return this.#members.size;
  }

  accept(connection: Connection): void {
    void this.#reception.accept(connection);
  }

  closeAll(): void {
    this.#reception.closeAll();
    this.#meetings.closeAll();
    for (const link of this.#links) link.close();
  }

  /**
   * The chain is verified, so the peer is an agent or a control host of this CA.
   * @param settled called when it counts as one, and not as a stranger any more
   */
  #welcome(connection: Connection, certificate: X509Certificate, settled: () => void): void {
    const identity = identityOf(certificate);
    const { address, isLocal } = connection;
    const { isRevoked, now } = this.#options;
    const check = checkCertificate(certificate, { has: isRevoked }, now());
    if (check.kind !== "good") {
      const why = check.kind === "revoked" ? `revoked certificate ${check.serial}` : check.reason;
      this.#tellRefused(address, why);
      connection.close();
      return;
    }
    let onFrame: (frame: HubFrame) => void = () => link.close();
    const link: HubLink = new HubLink(
      connection,
      (frame) => onFrame(frame),
      (end, fault) => {
        this.#links.delete(link);
        // Whoever it talks to need not wait for a peer that is gone without a word.
        if (end === "silence") this.#meetings.cutAll(link);
        onGone(fault === undefined ? end : `${end} ${fault.code}`);
      },
    );
    let onGone: (why: string) => void = () => undefined;
    this.#links.add(link);
    const peer = { link, address, isLocal, identity };
    if (formOf(identity) === "control-host") {
      settled();
      const caller = this.#takeCaller(peer);
      if (caller === undefined) return;
      onFrame = caller.onFrame;
      onGone = caller.onGone;
      return;
    }
    const late = new Deadline(HELLO_MS, () => link.close());
    onGone = () => late.stop();
    onFrame = (frame) => {
      late.stop();
      settled();
      if (frame.type !== "H") {
        link.close();
        return;
      }
      const member = this.#takeAgent(peer, frame.listens);
      if (member === undefined) return;
      onFrame = () => link.close();
      onGone = (reason) => {
        this.#members.remove(member);
        const { name: agent } = member;
        this.#options.log({ event: "hub-agent-gone", agent, peer: address, reason });
      };
    };
  }

  #takeAgent({ link, address, identity }: Peer, listens: boolean): Member | undefined {
    const { log, now } = this.#options;
    const name = ownName(identity);
    const member: Member = {
      name,
      address,
      since: now(),
      listens,
      serial: identity.serial,
      link,
      invite: (ticket, caller) => {
        link.send({ type: "T", ticket, ...(caller === undefined ? {} : { caller }) });
      },
      sendAway: (error) => link.end({ type: "R", error }),
    };
    if (!this.#members.admit(member)) {
      this.#refuse(link, address, `${this.#members.size} agents are connected`);
      return undefined;
    }
    log({ event: "hub-agent", agent: name, peer: address });
    link.send({ type: "W", version: VERSION });
    return member;
  }

  #takeCaller(peer: Peer) {
    const { link, address } = peer;
    if (this.#callers >= this.#options.limits.callers) {
      this.#refuse(link, address, `${this.#callers} control hosts are connected`);
      return undefined;
    }
    this.#callers += 1;
    link.send({ type: "W", version: VERSION });
    return {
      onFrame: (frame: HubFrame) => {
        if (frame.type === "Q" || frame.type === "O") this.#answer(peer, frame);
        else link.close();
      },
      onGone: () => {
        this.#callers -= 1;
      },
    };
  }

  #answer(caller: Peer, frame: Extract<HubFrame, { readonly type: "Q" | "O" }>): void {
    const { link, identity, address, isLocal } = caller;
    const { id, host, type } = frame;
    // It may have been revoked since it connected (T02).
    if (this.#options.isRevoked(identity.serial)) {
      link.close();
      return;
    }
    const member = this.#members.find(host);
    const isOut = member !== undefined && this.#options.isRevoked(member.serial);
    if (isOut) member.sendAway("its certificate is revoked");
    if (member === undefined || isOut) {
      link.send({ type: "N", id, error: "it is not connected" });
      return;
    }
    if (type === "Q") {
      const { since, listens } = member;
      link.send({ type: "A", id, since: isoSeconds(since), listens });
      return;
    }
    const invited = this.#meetings.invite({ agent: member.link, caller: link });
    if (invited === undefined) {
      link.send({ type: "N", id, error: `${this.#meetings.size} agents are being called` });
      return;
    }
    this.#options.log({ event: "hub-call", agent: member.name, peer: address });
    member.invite(invited.agent, isLocal ? undefined : address);
    link.send({ type: "G", id, ticket: invited.caller });
  }

  #refuse(link: HubLink, address: string, error: string): void {
    this.#tellRefused(address, error);
    link.end({ type: "R", error });
  }

  #tellRefused(peer: string, reason: string): void {
    const kind = `${callerNetwork(peer)} ${reason}`;
    this.#quiet.event(kind, performance.now(), { event: "hub-refuse", peer, reason });
  }
}
