/** Every key of ctrl-exec.conf, described. A key that is missing here does not compile. */
import type { KeyDescriptions } from "./config-keys.ts";
import type { ControllerKey } from "./controller-config.ts";

const IDENTITY = "Keys, certificates and state";
const CALLS = "Calling agents";
const HUB = "Hubs";
const AUTH = "Authorisation";
const PAIRING = "Pairing";
const NOTICES = "Notices";
const ROTATION = "Renewal and rotation";
const API = "HTTP API";
const METRICS = "Metrics";

export const CONTROLLER_KEYS = {
  ca_dir: {
    group: IDENTITY,
    text: "Folder of the CA and of every key and certificate that has no path of its own; default: the folder of this file.",
  },
  cert: { group: IDENTITY, text: "Certificate under which this host calls its agents." },
  key: { group: IDENTITY, text: "Private key of that certificate; mode 0600." },
  ca: {
    group: IDENTITY,
    text: "Certificate of the CA that every agent's certificate must chain to.",
  },
  state_dir: {
    group: IDENTITY,
    text: "Folder of the registry, pairing requests, locks, run records and the rotation state.",
  },
  run_retention: { group: IDENTITY, text: "Seconds that run records are kept." },
  run_records_max: {
    group: IDENTITY,
    text: "Most disk space that run records and the outputs beside them may take; beyond it, the oldest are removed early. One run may take half of it; output beyond that is not recorded. The old name max_records still works.",
  },
  key_type: {
    group: IDENTITY,
    text: "Type of the keys that setup-ca, setup-ctrl-exec and rotation make: ec (P-256) or rsa4096.",
  },
  verify_agent_identity: {
    group: CALLS,
    text: "Who may answer: registry (a registered host must answer with the certificate of its name), strict (the same, and a host that is not registered is not called) or ca (any certificate of the CA, as with 0.8).",
  },
  connect_timeout: {
    group: CALLS,
    text: "Seconds to reach an agent: the TCP connection, and again the TLS handshake.",
  },
  read_timeout: {
    group: CALLS,
    text: "Seconds to wait for a result; after that, the script goes on. The old name timeout still works.",
    example: "120",
  },
  keepalive: {
    group: CALLS,
    text: "Seconds that ctrl-exec-api keeps a connection to an agent open for the next request; 0 makes a new one for each.",
  },
  max_parallel: { group: CALLS, text: "Most hosts that are called at the same time." },
  max_hosts: { group: CALLS, text: "Most hosts in one request." },
  hub: {
    group: HUB,
    text: "on if ctrl-exec-api is a hub as well: agents that name this host in connect keep a connection to it, and are called through it. A change needs a restart.",
    example: "on",
  },
  hub_bind: { group: HUB, text: "Address of the hub; :: means every address, IPv4 included." },
  hub_port: { group: HUB, text: "Port of the hub." },
  hubs: {
    group: HUB,
    text: "Hubs on other machines through which agents are called, each with the fingerprint of its certificate: host:port#sha256:<64 hex digits>.",
    example:
      "edge.example.com:7446#sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  },
  reach: {
    group: HUB,
    text: "How a host is called that listens and is connected to a hub: direct (through the hub if that fails) or hub.",
    example: "hub",
  },
  hub_cert: {
    group: HUB,
    text: "Certificate of a hub that is not a control host's: ctrl-exec-api --hub-only makes it, signed by itself.",
  },
  hub_key: { group: HUB, text: "Private key of that certificate; mode 0600." },
  release_key: {
    group: CALLS,
    text: "Public key of the releases that upgrade brings to hosts, as ssh-keygen writes it (Ed25519). Without it, upgrade refuses.",
    example:
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILXdeIlEdtHAm1QwnewCSgNViLs/vMpY3PoFeT4Ase+E releases",
  },
  group_command: {
    group: CALLS,
    text: "Program that prints groups of hosts as JSON, for @@<group> in expressions; the files of groups.d beside this file win over it. It is started without arguments.",
    example: "/etc/ctrl-exec/group-command",
  },
  group_command_timeout: {
    group: CALLS,
    text: "Seconds that group_command may take; after that it is ended, and a request that needs it is refused.",
  },
  group_command_cache: {
    group: CALLS,
    text: "Seconds for which the answer of group_command is reused, by ctrl-exec and ctrl-exec-api alike; it is started at most once in this time.",
  },
  agent_tags: {
    group: CALLS,
    text: "Whether an expression such as @role=db matches the tags that agents claim (use), or only those that this host has given them (ignore). With ignore, @version is refused, since it is a claim as well.",
    example: "ignore",
  },
  max_reply: {
    group: CALLS,
    text: "Most memory that one host's answer to a run may take; a larger one is dropped and the host's result says so. Output that is shown as it comes is kept on disk, and does not count. Seven times an agent's max_output is enough for anything that it sends. A number of bytes, or 512M, 2G.",
  },
  max_replies: {
    group: CALLS,
    text: "The same for all hosts of a run together, and for all requests of ctrl-exec-api. No answer takes more than three quarters of it, or less while others hold theirs, so hosts that flood leave room for the rest.",
  },
  auth_hook: {
    group: AUTH,
    text: "Program that decides on every run, ping, API request and question about recorded runs; docs/SECURITY.md says what it is told.",
    example: "/etc/ctrl-exec/auth-hook",
  },
  auth_hook_timeout: {
    group: AUTH,
    text: "Seconds that the hook may take; after that it is ended and the request is refused.",
  },
  auth_hook_json: {
    group: AUTH,
    text: "yes if the hook reads the JSON on its standard input. A variable that would be longer than 128 KiB, such as that of several thousand hosts, is then left out of its environment; otherwise such a request is refused.",
    example: "yes",
  },
  join: {
    group: PAIRING,
    text: "on lets ctrl-exec-api hold the pairing port for as long as it runs: hosts join with their tokens at any time, and requests without one wait for an operator, for whom pairing-mode is the console.",
    example: "on",
  },
  pairing_port: {
    group: PAIRING,
    text: "Port that pairing-mode, or with join = on ctrl-exec-api, listens on.",
  },
  pairing_bind: { group: PAIRING, text: "Address that it listens on." },
  pairing_max_queue: {
    group: PAIRING,
    text: "Most pairing requests that may wait at the same time. A further one pushes out the oldest of the network with the most requests (IPv4 /24, IPv6 /48), or is refused if that oldest one came from the same address.",
  },
  lock_notice_after: {
    group: NOTICES,
    text: "Seconds after which the lock of a run that still holds it is told to the receivers of notify.d that want lock-held.",
    example: "14400",
  },
  cert_days: {
    group: ROTATION,
    text: "Lifetime in days of the certificates that this host signs for itself and its agents.",
  },
  cert_renewal_days: {
    group: ROTATION,
    text: "This host's own certificate is renewed this many days before it expires; a value that is not below cert_days becomes a third of it. An agent's certificate is renewed when a third of its lifetime or less is left, on a day that depends on its name.",
  },
  cert_overlap_days: {
    group: ROTATION,
    text: "Days after a rotation during which hosts that missed the new serial are still told it; after that they are stale.",
    example: "60",
  },
  cert_check_interval: {
    group: ROTATION,
    text: "Seconds between two checks of the certificates.",
  },
  cert_backdate: {
    group: ROTATION,
    text: "Seconds by which certificates are backdated, so that a host whose clock is behind accepts them.",
  },
  api_port: { group: API, text: "Port of ctrl-exec-api." },
  api_bind: {
    group: API,
    text: "Address of ctrl-exec-api; 0.0.0.0 or :: opens it to the network.",
    example: "0.0.0.0",
  },
  api_hosts: {
    group: API,
    text: "Names, without ports, that requests to the API may have in Host, such as those that a proxy passes on; addresses and localhost are always allowed. If it is not set, plain HTTP on a loopback address refuses every name, and elsewhere any name is allowed.",
    example: "ctrl.example.com",
  },
  api_cert: {
    group: API,
    text: "TLS certificate of the API; with it and api_key the API speaks HTTPS, with neither plain HTTP.",
    example: "/etc/ctrl-exec/api.crt",
  },
  api_key: { group: API, text: "Private key of api_cert.", example: "/etc/ctrl-exec/api.key" },
  api_max_requests: {
    group: API,
    text: "Most requests in flight at the same time; further ones are refused as busy. GET /health has its own slots.",
  },
  api_admin: {
    group: API,
    text: "yes opens the routes that change whom this host trusts: join tokens. They need an auth_hook, whatever api_auth_default says, and ask it with action words of their own.",
    example: "yes",
  },
  api_auth_default: {
    group: API,
    text: "What the API does if there is no auth_hook: deny or allow every request.",
    example: "allow",
  },
  metrics_bind: {
    group: METRICS,
    text: "Address on which the API serves GET /metrics and nothing else, without asking the auth hook; with TLS if the API has it. One that others can reach needs metrics_token_file. If it is not set, there are metrics on the API's own port alone. A change needs a restart.",
    example: "127.0.0.1",
  },
  metrics_port: { group: METRICS, text: "Port of metrics_bind; a change needs a restart." },
  metrics_token_file: {
    group: METRICS,
    text: "File with the token that whoever reads metrics_bind must send, as Authorization: Bearer; not readable for everybody.",
    example: "/etc/ctrl-exec/metrics-token",
  },
} as const satisfies KeyDescriptions<ControllerKey>;
