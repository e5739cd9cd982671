import { JOIN_REFUSALS } from "../join-refusal.ts";

/**
 * Every field that an event may have, under the name that the code uses. In a log line it is upper case, with
 * `_` before each word: `newSerial` is NEW_SERIAL. docs/LOGGING.md shows the meanings.
 */
interface Field<Kind extends string> {
  readonly kind: Kind;
  readonly meaning: string;
}

/** The type of each kind in the code; in a line, a list is joined by commas. */
interface Kinds {
  readonly text: string;
  readonly number: number;
  readonly list: readonly string[];
  readonly "number or word": number | string;
}

function field<Kind extends keyof Kinds>(kind: Kind, meaning: string): Field<Kind> {
  return { kind, meaning };
}

export const FIELDS = {
  agent: field("text", "a managed host, by the name that it is or asks to be registered under"),
  agents: field("number", "how many hosts are registered"),
  authaction: field(
    "text",
    "what was asked for: `run`, `ping`, `discovery`, `api`, or `read`, `cancel`, `pause` or `continue` for runs that were recorded, or `token-create`, `token-list`, `token-revoke`, or `upgrade`",
  ),
  batch: field("number", "the number of a batch, from 1"),
  bind: field("text", "the address that it listens on"),
  by: field("text", "who called with rights that were lent, as the lender tells it"),
  bytes: field("number", "how many bytes"),
  code: field(
    "text",
    `why a host may not join, in one word: ${JOIN_REFUSALS.map((code) => `\`${code}\``).join(", ")}`,
  ),
  codeCovers: field(
    "text",
    "what the confirmation code covers: `both` hosts, or the `request` alone",
  ),
  conflicts: field("list", "`host:script` of each lock that another run holds"),
  count: field("number", "how many"),
  daysLeft: field("number", "until the certificate ends"),
  differ: field("number", "how many hosts disagree"),
  dispatcher: field("text", "the control host, as it was typed"),
  dropped: field("number", "how many bytes of the script's output were dropped"),
  entry: field("text", "a script's name in `scripts.conf`"),
  error: field("text", "what failed, and why"),
  exit: field("number", "the script's exit status"),
  expiry: field("text", "when the certificate ends"),
  fault: field(
    "text",
    "why an agent could not be asked, in one word: `refused`, `timeout`, `name` (cannot be resolved), `no-route`, `closed`, `tls`, `certificate`, `identity` (another host's), `serial`, `late`, `answer` (cannot be read, or is too long), or `local` (this host cannot call it)",
  ),
  from: field("text", "the version before"),
  fingerprint: field("text", "SHA-256 of the CA's certificate; at the start of a hub, of its own"),
  hook: field("text", "the file of the auth hook"),
  host: field(
    "text",
    "a host, of a run as its results name it; of a refused request the name that it gave this host",
  ),
  hosts: field("list", "the hosts that it is about"),
  hub: field("text", "a hub, as `agent.conf` or `ctrl-exec.conf` names it"),
  ip: field("text", "the address of the caller, or of the agent"),
  key: field("text", "a key of the configuration"),
  kind: field("text", "the kind of a notice"),
  left: field("number", "how many processes of a script could not be ended"),
  len: field("number", "the length of the request's body in bytes"),
  lookupBy: field("text", "how the agent is dialled: by `hostname` or by `ip`"),
  lost: field("list", "`key=value` of each of this host's tags that a name no longer has"),
  method: field("text", "of the HTTP request"),
  msg: field("text", "what is wrong, and what mends it"),
  newSerial: field("text", "of the certificate from now on"),
  notAfter: field("text", "when the certificate ends"),
  notBefore: field("text", "when the certificate begins"),
  notice: field("text", "the id of a notice, which its receiver is told as well"),
  offset: field(
    "number",
    "seconds that the clock is ahead of this host's; negative when it is behind",
  ),
  oldSerial: field("text", "of the certificate until now"),
  origin: field("text", "the origin of the web page that asked"),
  overlapExpires: field("text", "until when agents may still know the old serial"),
  path: field("text", "a file; of an HTTP request its path without the query"),
  peer: field("text", "the address of the other end of the connection"),
  peerSerial: field("text", "of the certificate that the other end showed"),
  port: field("number", "a TCP port"),
  reason: field("text", "why"),
  receiver: field("text", "a file of `notify.d`, without `.toml`"),
  release: field("text", "the version of a release"),
  removed: field("list", "keys of tags that were removed"),
  replacedBy: field("text", "the serial of the certificate that was in its place"),
  reqid: field("text", "the id of the request or run; it joins the lines of both sides"),
  result: field("text", "`ok`; of a decision `pass`, `deny` or `error`"),
  rollout: field("text", "the id of the rollout to which the run belongs, as its check"),
  rtt: field("number", "milliseconds until the answer"),
  rule: field("text", "a file of `join.d`, without `.toml`"),
  rules: field("list", "the rules of `join.d` that may let hosts join with the token"),
  script: field("text", "the script's name"),
  scripts: field("number", "how many scripts"),
  seen: field("number", "how many hosts said what time it is"),
  serial: field("text", "of the certificate that it is about"),
  serials: field("list", "the serials that are revoked"),
  state: field(
    "text",
    "whether the script ran: `ended`, `never-ran`, `unknown`, `running`, `lost` or `not-started`",
  ),
  status: field("number or word", "how it stands; of an HTTP answer its status code"),
  tags: field("list", "`key=value` of each tag that was set"),
  target: field("text", "the host that was asked, with its port; at a renewal its name alone"),
  task: field("text", "what was to be done"),
  threshold: field("number", "days before its end when the certificate is renewed"),
  took: field("number", "milliseconds that the script ran"),
  tls: field("text", "whether it speaks TLS: `yes` or `no`"),
  token: field("text", "the id of a join token; it is not a secret"),
  via: field(
    "text",
    "the hub through which it came or was called. What the line says of addresses is the hub's word",
  ),
  user: field("text", "what `--username` or the request says; nobody verified it"),
} as const;

export type FieldName = keyof typeof FIELDS;

export type FieldValue<Name extends FieldName> = Kinds[(typeof FIELDS)[Name]["kind"]];
