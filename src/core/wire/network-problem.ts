/**
 * Why a host could not be called at all, in words that a person can act on, from the system's code (connect(2),
 * ip(7), getaddrinfo(3)). The same code can come from this host's own tables or from a router.
 */
import { isIp } from "../net/ip-address.ts";
import { shortageOf } from "../shortage.ts";

export interface ConnectionProblem {
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/**
 * @param peer what listens there: "agent" or "control host"
 * @param address `host:port` as it was dialled
 * @returns undefined for a code that is not about the network
 */
export function networkProblem(
  code: string,
  peer: string,
  address: string,
): ConnectionProblem | undefined {
  const shortage = code === "EAGAIN" ? undefined : shortageOf(code);
  if (shortage !== undefined) {
    return {
      message: `cannot call ${address}: ${shortage.problem}`,
      hint: `On this host: ${shortage.remedy}.`,
    };
  }
  return Object.hasOwn(NETWORK, code) ? NETWORK[code]?.(address, hostIn(address), peer) : undefined;
}

type Explain = (address: string, host: string, peer: string) => ConnectionProblem;

const noPortLeft: Explain = (address, host) => ({
  message: `this host has no address and port left to call ${address} from`,
  hint: host.includes(":")
    ? "See whether IPv6 is on here and has an address (ip -6 address), and how many connections are open (ss -s)."
    : "Wait until some of its connections have ended (ss -s counts them), or widen net.ipv4.ip_local_port_range.",
});

const hostUnreachable: Explain = (address, host) => ({
  message: `no way to ${address}: the host is off, or a route or firewall turns the connection away`,
  hint: `Check that the host is up and has this address, and the route: ${routeTo(host)}`,
});

const NETWORK: Readonly<Record<string, Explain>> = {
  ECONNREFUSED: (address, _, peer) => ({
    message: `connection refused by ${address}: no ${peer} is listening there`,
    hint:
      peer === "agent"
        ? "Check that it runs there (systemctl status ctrl-exec-agent), and that the port is that of its agent.conf."
        : "Check address and port, and that pairing-mode runs on the control host, or ctrl-exec-api with join = on.",
  }),
  EHOSTUNREACH: hostUnreachable,
  EHOSTDOWN: hostUnreachable,
  ENETUNREACH: (address, host) => ({
    message: `no route to the network of ${address}`,
    hint: `Give this host, or the router on the way, a route: ${routeTo(host)}`,
  }),
  ENETDOWN: (address) => ({
    message: `the network interface of this host that leads to ${address} is down`,
    hint: "See: ip link",
  }),
  EACCES: (address, host) => ({
    message: `this host forbids connections to ${address}`,
    hint: `A route of type prohibit does (${routeTo(host)}), or a security policy such as SELinux.`,
  }),
  EPERM: (address) => ({
    message: `this host's own firewall drops connections to ${address}`,
    hint: "Let them through in its rules for output (nft list ruleset), or by IPAddressAllow= of the service's unit.",
  }),
  EINVAL: (address, host) => ({
    message: `this host throws away what it sends to ${address}`,
    hint: `A route of type blackhole does. See: ${routeTo(host)}`,
  }),
  ENODEV: (address, host) => ({
    message: `cannot call ${address}: this host has no interface named ${host.replace(/^.*%/, "")}`,
    hint: "The part after % names the interface of this host that leads there. See: ip link",
  }),
  // Our own code: the system says EINVAL.
  ENOZONE: (address, host) => ({
    message: `cannot call ${address}: a link-local address is on every interface, and this one names none`,
    hint: `Name it: ${host}%eth0, or as ip link shows it. A paired host's: ctrl-exec edit-agent <host> --ip ${host}%eth0`,
  }),
  EADDRNOTAVAIL: noPortLeft,
  EAGAIN: noPortLeft,
  EAFNOSUPPORT: (address, host) => ({
    message: `${host.includes(":") ? "IPv6" : "IPv4"} is off on this host: it cannot call ${address}`,
    hint: "Turn it on, let the service use it (RestrictAddressFamilies=), or call an address of the other family.",
  }),
  ETIMEDOUT: (address) => ({
    message: `no answer from ${address}: the host is down or a firewall drops the connection`,
    hint: "Check that the host is up, that the address is its own, and that the firewalls on the way let the port through.",
  }),
  ENOTFOUND: (address, host) => ({
    message: `cannot resolve the name of ${address}`,
    hint: `Check the name: getent hosts ${host}`,
  }),
  EAI_AGAIN: (address) => ({
    message: `cannot resolve the name of ${address}: the name server does not answer`,
    hint: "Check the name servers in /etc/resolv.conf, or call the host by its address.",
  }),
};

/** ip accepts no names, and takes a zone as an interface. */
function routeTo(host: string): string {
  return `ip route get ${isIp(host) ? host.replace("%", " oif ") : "<its address>"}`;
}

/** Without the port, and without the brackets of IPv6. */
function hostIn(address: string): string {
  return address.replace(/:\d+$/, "").replaceAll(/[[\]]/g, "");
}
