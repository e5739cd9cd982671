/** Every option of ctrl-exec-agent. */
import type { OptionDef } from "../command/command.ts";

export const agentOptions = {
  config: {
    type: "string",
    valueHint: "path",
    description: "agent.conf (default: in /etc/ctrl-exec-agent)",
  },
  allowlist: {
    type: "string",
    valueHint: "path",
    description: "Path to scripts.conf (default: beside agent.conf)",
  },
  log: {
    type: "string",
    valueHint: "where",
    description: "Log to syslog (default), stderr or a socket",
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
    description: "Accept only the CA with this fingerprint",
  },
  background: {
    type: "boolean",
    description: "Print the request id; wait in the background",
  },
  timeout: {
    type: "string",
    valueHint: "time",
    description: "How long --background waits (30s; max 10m)",
  },
  "token-file": {
    type: "string",
    valueHint: "path",
    description: "File with the join token, or - for standard input",
  },
  consume: {
    type: "boolean",
    description: "Remove the token's file when this host has joined",
  },
  "background-child": {
    type: "boolean",
    description: "This is the process that --background leaves behind",
    hidden: true,
  },
} as const satisfies Readonly<Record<string, OptionDef>>;
