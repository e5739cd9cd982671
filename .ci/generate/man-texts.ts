/** The texts of the man pages that no table has. */
import type { PageText } from "./man.ts";

export const CONTROLLER_PAGE: PageText = {
  name: "ctrl-exec",
  section: 1,
  summary: "run allowlisted scripts on a fleet, giving nobody a shell",
  description: [
    "The",
    ".Nm",
    "program runs on the control host.",
    "It keeps the private CA, pairs new hosts, and runs scripts on them over mutual",
    "TLS.",
    "Each host decides which scripts it runs, in its",
    ".Xr scripts.conf 5 .",
    ".Pp",
    "Options may stand anywhere before",
    ".Fl - ;",
    "everything after it is passed to the script.",
    "A host is a registered name, a name or an address, with",
    ".Li :port",
    "after it if needed.",
    "Every mode shows its own help with",
    ".Fl -help .",
  ],
  files: [
    ["/etc/ctrl-exec/ctrl-exec.conf", "Configuration"],
    ["/etc/ctrl-exec/groups.d/*.toml", "Groups of hosts, for @@group in expressions"],
    ["/etc/ctrl-exec/ca.key", "Key of the private CA, which never leaves this host"],
    ["/var/lib/ctrl-exec/agents", "The registry, one file for each paired host"],
    ["/var/lib/ctrl-exec/runs", "Records of runs, for 24 hours"],
  ],
  more: {
    ENVIRONMENT: [
      ".Bl -tag -width Ds",
      ".It Ev ENVEXEC_TOKEN",
      "The token for auth hooks when",
      ".Fl -token",
      "is not given; no process list shows it.",
      ".It Ev USER",
      "The user\\(aqs name when",
      ".Fl -username",
      "is not given.",
      ".El",
    ],
  },
  seeAlso: ["ctrl-exec.conf(5)", "ctrl-exec-agent(8)", "ctrl-exec-api(8)"],
};

/** Where it keeps what must outlive it. No key names it: it is where the certificate is. */
const AGENT_STATE = [
  [
    "/var/lib/ctrl-exec-agent",
    "The agent's state, with its certificate and ctrl-exec-serial, to which the usual names are links; the service may write nowhere else. If cert is not a link, the state is in its folder",
  ],
  ["/var/lib/ctrl-exec-agent/jobs", "Runs: requests, output and how each ended"],
  ["/var/lib/ctrl-exec-agent/upgrade", "A release that was sent here, until root has taken it"],
] as const;

export const AGENT_PAGE: PageText = {
  name: "ctrl-exec-agent",
  section: 8,
  summary: "run allowlisted scripts on this host for its control host",
  description: [
    "The",
    ".Nm",
    "program runs on each managed host.",
    "It obeys one control host, which it knows by its certificate, and runs what",
    ".Xr scripts.conf 5",
    "lists, as its own user.",
    "A script gets its arguments as they were typed and a JSON object on standard",
    "input: script, args, reqid, peer_ip, username, token and timestamp.",
  ],
  files: [
    ["/etc/ctrl-exec-agent/agent.conf", "Configuration"],
    ["/etc/ctrl-exec-agent/scripts.conf", "The allowlist"],
    ["/etc/ctrl-exec-agent/agent.crt", "This agent's certificate"],
    ["/etc/ctrl-exec-agent/ctrl-exec-serial", "Serial of the control host's certificate"],
    ...AGENT_STATE,
    ["/etc/ctrl-exec-agent/revoked-serials", "Serials of certificates that are refused"],
  ],
  more: {
    SIGNALS: [
      ".Bl -tag -width Ds",
      ".It Dv SIGHUP",
      "Rereads configuration, allowlist, certificates and revocations;",
      "a file with an error leaves the old state in force.",
      ".It Dv SIGTERM",
      "Stops accepting and lets running scripts answer.",
      ".El",
    ],
  },
  seeAlso: ["ctrl-exec(1)", "agent.conf(5)", "scripts.conf(5)"],
};

export const API_PAGE: PageText = {
  name: "ctrl-exec-api",
  section: 8,
  summary: "HTTP API of the control host",
  description: [
    "The",
    ".Nm",
    "program offers what",
    ".Xr ctrl-exec 1",
    "does with hosts over HTTP, as JSON, on port 7445 of the loopback address unless",
    ".Xr ctrl-exec.conf 5",
    "says otherwise.",
    "Every route asks the auth hook first;",
    "without a hook every request is refused unless",
    ".Ic api_auth_default",
    "is",
    ".Li allow .",
    "The whole interface is described by",
    ".Pa /openapi.json .",
  ],
  files: [["/etc/ctrl-exec/ctrl-exec.conf", "Configuration"]],
  seeAlso: ["ctrl-exec(1)", "ctrl-exec.conf(5)"],
};

const SYNTAX = [
  "A line is",
  ".Li key = value ,",
  "a comment that begins with",
  ".Li # ,",
  "or a",
  ".Li [section] .",
  "A value is everything after the first",
  ".Li = ,",
  "trimmed; quotes are part of it.",
  "A file whose name ends in",
  ".Pa .toml",
  "is read as TOML with the same keys.",
  "An unknown key is ignored with a warning in the log;",
  "an invalid value is an error that names the line.",
];

export const CONTROLLER_CONF_PAGE: PageText = {
  name: "ctrl-exec.conf",
  section: 5,
  summary: "configuration of the ctrl-exec control host",
  description: [...SYNTAX, "Without the file, every key has its default."],
  files: [["/etc/ctrl-exec/ctrl-exec.conf", "The file"]],
  seeAlso: ["ctrl-exec(1)", "ctrl-exec-api(8)"],
};

export const AGENT_CONF_PAGE: PageText = {
  name: "agent.conf",
  section: 5,
  summary: "configuration of the ctrl-exec agent",
  description: [...SYNTAX, "The agent rereads it on", ".Dv SIGHUP ."],
  files: [["/etc/ctrl-exec-agent/agent.conf", "The file"], ...AGENT_STATE],
  seeAlso: ["scripts.conf(5)", "ctrl-exec-agent(8)"],
};

export const SCRIPTS_CONF_PAGE: PageText = {
  name: "scripts.conf",
  section: 5,
  summary: "allowlist of the ctrl-exec agent",
  description: [
    "What may run on this host: one script on each line,",
    ".Li name = /absolute/path .",
    "A name holds letters, digits,",
    ".Li _",
    "and",
    ".Li \\- ,",
    "255 at most.",
    "Options of the script may follow its path, separated by blanks.",
    "Lines that begin with",
    ".Li #",
    "are comments.",
    "A bad line is skipped with a warning in the log and affects no other line.",
    "What is not listed does not run, whoever asks.",
    "The agent rereads the file on",
    ".Dv SIGHUP .",
  ],
  files: [["/etc/ctrl-exec-agent/scripts.conf", "The file"]],
  more: {
    EXAMPLES: [
      ".Bd -literal -offset indent",
      "deploy\\-app   = /opt/ctrl\\-exec\\-scripts/deploy\\-app.sh",
      "backup\\-mysql = /opt/ctrl\\-exec\\-scripts/backup\\-mysql.sh timeout=3600 concurrency=1",
      ".Ed",
    ],
  },
  seeAlso: ["agent.conf(5)", "ctrl-exec-agent(8)"],
};
