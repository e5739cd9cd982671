/** Every option of ctrl-exec. */
import type { OptionDef } from "../command/command.ts";

export const controllerOptions = {
  config: {
    type: "string",
    valueHint: "path",
    description: "Path to ctrl-exec.conf (default /etc/ctrl-exec/ctrl-exec.conf)",
  },
  log: {
    type: "string",
    valueHint: "where",
    description: "Where log lines go: syslog (default), stderr, or the path of a log socket",
  },
  json: { type: "boolean", description: "Print the result as one line of JSON" },
  wide: { type: "boolean", description: "Show more than fits 80 characters a line" },
  port: {
    type: "string",
    valueHint: "n",
    description: "Agent port for hosts without one of their own (default: as recorded, else 7443)",
  },
  username: {
    type: "string",
    valueHint: "name",
    description: "Name told to the auth hooks and the script (default $USER); nobody verifies it",
  },
  token: {
    type: "string",
    valueHint: "token",
    description: "Token for the auth hooks (default $ENVEXEC_TOKEN, which no process list shows)",
  },
  "token-file": {
    type: "string",
    valueHint: "path",
    description:
      "File with the token in one line, or - for standard input; under sudo a file of yours",
  },
  ip: { type: "string", valueHint: "address", description: "Record this address for the agent" },
  "agent-port": { type: "string", valueHint: "n", description: "Record this port for the agent" },
  "lookup-by": {
    type: "string",
    valueHint: "hostname|ip",
    description: "Dial the agent by its name or by its recorded address",
  },
  code: {
    type: "string",
    valueHint: "digits",
    description: "The six digits on the agent's screen; a wrong code denies the request",
  },
  revoke: { type: "boolean", description: "Refuse the host's certificates from now on" },
  yes: { type: "boolean", description: "Do not ask for confirmation" },
  force: {
    type: "boolean",
    description: "Go on though the clocks of other hosts disagree with this host's",
  },
  keep: {
    type: "boolean",
    description: "Leave the demo's folder and agents, and say how to talk to them",
  },
} as const satisfies Readonly<Record<string, OptionDef>>;

/** What every mode has. */
export const commonOptions = {
  config: controllerOptions.config,
  log: controllerOptions.log,
} as const;
