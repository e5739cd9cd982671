/** Every key of agent.conf, described. A key that is missing here does not compile. */
import type { AgentKey } from "./agent-config.ts";
import type { KeyDescriptions } from "./config-keys.ts";

const NETWORK = "Network";
const IDENTITY = "Keys, certificates and trust";
const SCRIPTS = "Scripts";
const LIMITS = "Limits for strangers";
const PAIRING = "Pairing";
const METRICS = "Metrics";
const UPGRADES = "Upgrades";
const TAGS = "Tags";

export const AGENT_KEYS = {
  port: { group: NETWORK, text: "Port for the control host's calls; a change needs a restart." },
  bind: {
    group: NETWORK,
    text: "Address to listen on; :: means every address, IPv4 included. A change needs a restart.",
  },
  listen: {
    group: NETWORK,
    text: "no if the agent opens no port, and is reached only through the hubs of connect. A change needs a restart.",
    example: "no",
  },
  connect: {
    group: NETWORK,
    text: "Hubs that the agent keeps a connection to, so that control hosts can call it through them: host or host:port (7446). A control host's own hub shows that host's certificate, which the agent knows; any other is pinned by the fingerprint of its certificate, host:port#sha256:<64 hex digits>. At most eight.",
    example:
      "ctrl-1.example.com, edge.example.com:7446#sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  },
  allowed_ips: {
    group: NETWORK,
    text: "Addresses and prefixes that may connect; others are dropped before TLS. For a caller that comes through a hub, its address is what the hub says. If it is not set, any address may connect; if it lacks 127.0.0.1, self-ping cannot. If it has no valid entry, the agent does not start.",
    example: "127.0.0.1, 192.168.1.0/24, 10.0.0.1",
  },
  max_connections: {
    group: NETWORK,
    text: "Most connections at the same time; beyond it, the oldest that has not shown the control host's serial is closed.",
  },
  metrics_bind: {
    group: METRICS,
    text: "Loopback address on which the agent answers GET /metrics and nothing else, to every user of this host. Others are refused at the start. If it is not set, there are no metrics. A change needs a restart.",
    example: "127.0.0.1",
  },
  metrics_port: { group: METRICS, text: "Port of metrics_bind; a change needs a restart." },
  cert: { group: IDENTITY, text: "This agent's certificate; pairing and renewal write it." },
  key: {
    group: IDENTITY,
    text: "Private key of that certificate; mode 0640 with the service's group, never open to others.",
  },
  ca: {
    group: IDENTITY,
    text: "Certificate of the CA that the control host's certificate must chain to.",
  },
  dispatcher_serial_path: {
    group: IDENTITY,
    text: "Serial of the control host's certificate, the only one this agent obeys; pairing and rotation write it.",
  },
  revoked_serials: {
    group: IDENTITY,
    text: "Serials of certificates that are refused, one on each line; # begins a comment. Changes take effect without a signal. If there is no file, none is refused, but self-check fails if a file named here is missing.",
  },
  key_type: {
    group: IDENTITY,
    text: "Type of the key that request-pairing makes: ec (P-256) or rsa4096.",
  },
  script_dirs: {
    group: SCRIPTS,
    text: "Folders, separated by colons. A script must be in one of them once all symbolic links are resolved, which is checked at each run. This does not apply to update-ctrl-exec-serial, which the agent does itself.",
    example: "/opt/ctrl-exec-scripts:/usr/local/lib/ctrl-exec-scripts",
  },
  auth_hook: {
    group: SCRIPTS,
    text: "Program that decides on every run that the allowlist permits, and on every discovery of this host; without one, the allowlist alone decides.",
    example: "/etc/ctrl-exec-agent/auth-hook",
  },
  auth_hook_timeout: {
    group: SCRIPTS,
    text: "Seconds that the hook may take; after that it is ended and the request is refused.",
  },
  auth_hook_json: {
    group: SCRIPTS,
    text: "yes if the hook reads the JSON on its standard input. A variable that would be longer than 128 KiB is then left out of its environment; otherwise such a request is refused.",
    example: "yes",
  },
  stdin_timeout: {
    group: SCRIPTS,
    text: "Seconds after which the log says that a script left its context on standard input unread.",
  },
  max_output: {
    group: SCRIPTS,
    text: "Most bytes kept of a script's stdout, and as many of its stderr; the result says how many were dropped.",
  },
  run_spool: {
    group: SCRIPTS,
    text: "Most bytes of disk that runs and their output may take on this host. Beyond it, the oldest runs that have ended are removed. A run that goes on is never removed: if there is no room, its further output is dropped and counted.",
  },
  run_retention: {
    group: SCRIPTS,
    text: "Seconds that a run and its output are kept on this host after it has ended, so that the control host can ask again.",
  },
  rate_limit_volume: {
    group: LIMITS,
    text: "limit/window/block: an address, or an IPv6 network of 64 bits, that opens more than limit connections within window seconds is blocked for block seconds. Connections that show the control host's serial do not count, and even if others get the control host's address blocked, it may still make one handshake at a time.",
  },
  rate_limit_probe: {
    group: LIMITS,
    text: "The same for TLS handshakes that fail, time out or stop halfway.",
  },
  rate_limit_disable: { group: LIMITS, text: "1 switches both limits off; for tests only." },
  allow_upgrade: {
    group: UPGRADES,
    text: "yes if the control host may replace the program with a release that release_key has signed.",
    example: "yes",
  },
  allow_downgrade: {
    group: UPGRADES,
    text: "yes if that may also be an older release. Root here decides it, since the request comes through the agent's user.",
    example: "yes",
  },
  release_key: {
    group: UPGRADES,
    text: "Public key of the releases that this host takes, as ssh-keygen writes it (Ed25519).",
    example:
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILXdeIlEdtHAm1QwnewCSgNViLs/vMpY3PoFeT4Ase+E releases",
  },
  upgrade_timeout: {
    group: UPGRADES,
    text: "Seconds that the agent may take to answer with the new version; after that the old one is put back.",
  },
  upgrade_restart: {
    group: UPGRADES,
    text: "Program that restarts the agent for an upgrade, without arguments and as root. If it is not set: systemctl, rc-service or /etc/init.d/ctrl-exec-agent, as this host has it.",
    example: "/usr/local/sbin/restart-ctrl-exec-agent",
  },
  upgrade_state: {
    group: UPGRADES,
    text: "Folder, root's alone to write, in which an upgrade notes how far it is. Without it, the agent refuses upgrades.",
  },
  pairing_port: { group: PAIRING, text: "Port of the control host that request-pairing calls." },
  pairing_max_queue: {
    group: PAIRING,
    text: "Has no effect on an agent: the control host's file sets it. Accepted because 0.8 had it here.",
  },
  tags: {
    group: TAGS,
    text: "A section of keys and values of your choice that discovery shows, to tell hosts apart.",
  },
} as const satisfies KeyDescriptions<AgentKey>;
