/** Every option of ctrl-exec. */
import type { OptionDef } from "../command/command.ts";

export const controllerOptions = {
  config: {
    type: "string",
    valueHint: "path",
    description: "Path to ctrl-exec.conf (default in /etc/ctrl-exec)",
  },
  log: {
    type: "string",
    valueHint: "where",
    description: "Log to syslog (default), stderr or a socket",
  },
  except: {
    type: "string",
    valueHint: "hosts",
    description: "Exclude these hosts: an expression, as for the hosts",
  },
  "dry-run": {
    type: "boolean",
    description: "Show who would be asked; ask only the auth hook",
  },
  "hosts-from": {
    type: "string",
    valueHint: "path",
    description: "File with more hosts, or - for standard input",
  },
  batch: {
    type: "string",
    valueHint: "sizes",
    description: "Hosts in each batch: 1,10%,100%; the last size repeats",
  },
  "max-failures": {
    type: "string",
    valueHint: "n",
    description: "Stop when more hosts, or n%, have failed (default 0)",
  },
  pause: {
    type: "string",
    valueHint: "time",
    description: "Wait between two batches: 30s, 5m",
  },
  confirm: { type: "boolean", description: "Ask on the terminal before each next batch" },
  "per-tag": {
    type: "string",
    valueHint: "tag=n",
    description: "At most n hosts of each value of the tag in a batch",
  },
  check: {
    type: "string",
    valueHint: "script",
    description: "Must succeed on each batch before the next begins",
  },
  resume: {
    type: "string",
    valueHint: "reqid",
    description: "Go on with the hosts that this rollout did not start",
  },
  json: { type: "boolean", description: "Print the result as one line of JSON" },
  fix: { type: "boolean", description: "Do what is safe about it, and say what was done" },
  "json-stream": {
    type: "boolean",
    description: "Print a line of JSON for each event, as it comes",
  },
  live: { type: "boolean", description: "Show output as it comes, even in a pipe" },
  "no-live": { type: "boolean", description: "Show each host's output when it has ended" },
  fold: {
    type: "boolean",
    description: "Show hosts with the same outcome and output in one block",
  },
  "no-fold": { type: "boolean", description: "Show a block for each host, however many" },
  diff: {
    type: "boolean",
    description: "Show the largest block whole, and how the others differ",
  },
  only: { type: "string", valueHint: "failed", description: "Show only hosts that failed" },
  quiet: { type: "boolean", description: "Show headers only, no output" },
  output: {
    type: "string",
    valueHint: "path",
    description: "Write output to a new folder, a file per host and stream",
  },
  wide: { type: "boolean", description: "Show more than fits in 80 columns: for a pipe" },
  port: {
    type: "string",
    valueHint: "n",
    description: "Agent port if none is typed (default: recorded or 7443)",
  },
  username: {
    type: "string",
    valueHint: "name",
    description: "Name for hooks and script, unverified (default $USER)",
  },
  token: {
    type: "string",
    valueHint: "token",
    description: "Token for the hooks; ps shows it (default $ENVEXEC_TOKEN)",
  },
  "token-file": {
    type: "string",
    valueHint: "path",
    description: "File with the token in one line, or - for standard input",
  },
  host: {
    type: "string",
    valueHint: "hosts",
    description: "Only runs on these hosts: an expression",
  },
  script: { type: "string", valueHint: "script", description: "Only runs of this script" },
  user: { type: "string", valueHint: "name", description: "Only runs that this user submitted" },
  failed: { type: "boolean", description: "Only runs that failed, on --host if given" },
  since: {
    type: "string",
    valueHint: "when",
    description: "Only runs started since then: 2h, 2026-01-15",
  },
  limit: {
    type: "string",
    valueHint: "n",
    description: "List at most this many runs (default 20)",
  },
  follow: { type: "boolean", description: "Go on until every script has ended" },
  stderr: { type: "boolean", description: "Show only what the script has printed on stderr" },
  detach: { type: "boolean", description: "Do not wait for the script: print the run's id" },
  async: { type: "boolean", description: "The same as --detach" },
  grace: {
    type: "string",
    valueHint: "time",
    description: "Time between TERM and KILL (default 10s)",
  },
  timeout: { type: "string", valueHint: "time", description: "Wait at most this long: 90s, 15m" },
  ip: { type: "string", valueHint: "address", description: "Record this address for the agent" },
  "agent-port": { type: "string", valueHint: "n", description: "Record this port for the agent" },
  "lookup-by": {
    type: "string",
    valueHint: "hostname|ip",
    description: "Call the agent by its name or its recorded address",
  },
  code: {
    type: "string",
    valueHint: "digits",
    description: "The agent's code; if wrong, the request is denied",
  },
  revoke: { type: "boolean", description: "Refuse the host's certificates from now on" },
  yes: { type: "boolean", description: "Do not ask for confirmation" },
  force: {
    type: "boolean",
    description: "Go on even if other hosts' clocks disagree",
  },
  ttl: { type: "string", valueHint: "time", description: "How long it can be used (default 1h)" },
  uses: { type: "string", valueHint: "n", description: "How many hosts may join (default 1)" },
  name: { type: "string", valueHint: "pattern", description: "Only hosts with such names: web-*" },
  tag: {
    type: "string",
    valueHint: "key=value",
    description: "Tag each host that joins; may be repeated",
    repeats: true,
  },
  from: {
    type: "string",
    valueHint: "networks",
    description: "Only from these networks: 10.0.0.0/8,2001:db8::/32",
  },
  downgrade: {
    type: "boolean",
    description: "Also to an older release, where agent.conf allows it too",
  },
  replace: {
    type: "boolean",
    description: "Let it take over a registered name, and revoke that host",
  },
  word: {
    type: "string",
    hidden: true,
    description: "What was typed of the word that is completed",
  },
  keep: {
    type: "boolean",
    description: "Keep the demo's folder and agents, and say how to use them",
  },
} as const satisfies Readonly<Record<string, OptionDef>>;

/** Who asks, for the hooks: see cliCaller. */
export const callerOptions = {
  username: controllerOptions.username,
  token: controllerOptions.token,
  "token-file": controllerOptions["token-file"],
} as const;

/** Which hosts are selected: see hostChoice. */
export const choiceOptions = {
  "hosts-from": controllerOptions["hosts-from"],
  except: controllerOptions.except,
  limit: {
    ...controllerOptions.limit,
    valueHint: "n|n%",
    description: "Take this many of the hosts at random; n% is rounded up",
  },
} as const;

/** The same for modes that call hosts. */
export const hostOptions = { ...choiceOptions, port: controllerOptions.port } as const;

/** Which results are shown, and how: see shownAs. */
export const shownOptions = {
  fold: controllerOptions.fold,
  "no-fold": controllerOptions["no-fold"],
  diff: controllerOptions.diff,
  only: controllerOptions.only,
  quiet: controllerOptions.quiet,
} as const;

/** A few hosts at a time: see rolloutChoice. */
export const rolloutOptions = {
  batch: controllerOptions.batch,
  "max-failures": controllerOptions["max-failures"],
  "per-tag": controllerOptions["per-tag"],
  check: controllerOptions.check,
  pause: controllerOptions.pause,
  confirm: controllerOptions.confirm,
  resume: controllerOptions.resume,
} as const;

/** The options of every mode. */
export const commonOptions = {
  config: controllerOptions.config,
  log: controllerOptions.log,
} as const;

/** For a mode that signs, and tells the agents. */
export const upkeepOptions = {
  port: controllerOptions.port,
  json: controllerOptions.json,
  force: controllerOptions.force,
  ...commonOptions,
} as const;

/** For a mode that shows a run by its id. */
export const recordedOptions = {
  ...shownOptions,
  output: controllerOptions.output,
  json: controllerOptions.json,
  ...callerOptions,
  ...commonOptions,
} as const;
