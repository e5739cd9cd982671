/** The hubs through which this control host calls agents: its own, and those that `hubs` names. */
import type { X509Certificate } from "node:crypto";
import type { ControllerConfig } from "../../core/config/controller-config.ts";
import type { CtrlExecError } from "../../core/errors.ts";
import { formatHostPort } from "../../core/net/host-name.ts";
import type { HubAddress } from "../../core/net/hub-address.ts";
import { ownAddress } from "../../core/net/own-address.ts";
import type { Serial } from "../../core/serial.ts";
import { identityOf } from "../../pki/certificate.ts";
import { otherThanPinned } from "../../pki/pin.ts";
import type { Connection } from "../../system/net/connection.ts";
import type { TlsCredential } from "../../system/net/tls-credential.ts";
import { type AgentAtHub, HubClient } from "./hub-client.ts";

/** How a host can be reached through a hub. */
export interface WayThroughHub extends AgentAtHub {
  /** @throws CtrlExecError `unreachable`, or ConnectionFailed */
  open(): Promise<Connection>;
}

/** This host's certificates: its own hub shows the one in force. */
interface OwnCredential {
  readonly serial: Serial;
  readonly credential: TlsCredential;
}

export class Hubs {
  readonly #clients: readonly HubClient[];

  private constructor(clients: readonly HubClient[]) {
    this.#clients = clients;
  }

  /** Undefined if there are none: then nothing is asked. @param credentials first the one in force */
  static of(
    config: ControllerConfig,
    credentials: readonly [OwnCredential, ...OwnCredential[]],
  ): Hubs | undefined {
    const own = config.hub ? [ownHub(config)] : [];
    const addresses = [...own, ...(config.hubs ?? [])];
    if (addresses.length === 0) return undefined;
    const [{ credential }] = credentials;
    const serials = new Set(credentials.map(({ serial }) => serial));
    const timeoutMs = config.connect_timeout * 1000;
    const clients = addresses.map((address) => {
      const judge = (peer: X509Certificate) => hubProblem(address, peer, serials);
      return new HubClient({ address, credential, timeoutMs, judge });
    });
    return new Hubs(clients);
  }

  /**
   * The first hub at which the host is; undefined if it is at none, as far as they can be asked: a hub that is down
   * must not keep hosts from being called directly.
   */
  async wayTo(hostname: string): Promise<WayThroughHub | undefined> {
    const found = await Promise.all(
      this.#clients.map(async (client) => {
        const agent = await client.find(hostname).catch(() => undefined);
        return agent && { ...agent, open: () => client.open(hostname) };
      }),
    );
    return found.find((way) => way !== undefined);
  }

  /** Of those that could not be asked. */
  get problems(): readonly CtrlExecError[] {
    return this.#clients.flatMap(({ problem }) => problem ?? []);
  }

  close(): void {
    for (const client of this.#clients) client.close();
  }
}

/** What is wrong with a hub's certificate. @param own serials of this host's, one of which its own hub shows */
function hubProblem({ pin }: HubAddress, peer: X509Certificate, own: ReadonlySet<Serial>) {
  if (pin !== undefined) {
    const other = otherThanPinned(peer, pin);
    return other && `it shows another certificate: ${other}`;
  }
  const { serial } = identityOf(peer);
  return own.has(serial) ? undefined : `it shows the certificate ${serial}, not this host's`;
}

/** Called as any other program calls it: on the command line, and in ctrl-exec-api itself. */
function ownHub({ hub_bind, hub_port: port }: ControllerConfig): HubAddress {
  const host = ownAddress(hub_bind);
  return { host, port, pin: undefined, label: formatHostPort(host, port) };
}
