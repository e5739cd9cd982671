/** Every option of ctrl-exec-agent. */
import type { OptionDef } from "../command/command.ts";

export const agentOptions = {
  config: {
    type: "string",
    valueHint: "path",
    description: "Path to agent.conf (default /etc/ctrl-exec-agent/agent.conf)",
  },
  allowlist: {
    type: "string",
    valueHint: "path",
    description: "Path to scripts.conf (default: beside agent.conf)",
  },
  log: {
    type: "string",
    valueHint: "where",
    description: "Where log lines go: syslog (default), stderr, or the path of a log socket",
  },
  json: { type: "boolean", description: "Print the result as one line of JSON" },
  dispatcher: { type: "string", valueHint: "host", description: "The control host to pair with" },
  "ctrl-exec": { type: "string", valueHint: "host", description: "The same as --dispatcher" },
  port: {
    type: "string",
    valueHint: "n",
    description: "Pairing port of the control host (default 7444)",
  },
  hostname: {
    type: "string",
    valueHint: "name",
    description: "Pair under this name instead of the host's own",
  },
  "ca-fingerprint": {
    type: "string",
    valueHint: "sha256:...",
    description: "Refuse any control host whose CA is not this one",
  },
  background: {
    type: "boolean",
    description: "Print the request id and leave a process behind that waits for the approval",
  },
  timeout: {
    type: "string",
    valueHint: "n",
    description: "With --background: seconds to wait for the approval (default 30, at most 600)",
  },
  "background-child": {
    type: "boolean",
    description: "This is the process that --background leaves behind",
    hidden: true,
  },
} as const satisfies Readonly<Record<string, OptionDef>>;
