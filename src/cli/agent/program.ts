/** The command table of ctrl-exec-agent. */
import type { Program } from "../command/command.ts";
import { agentOptions } from "./options.ts";

export const agentProgram: Program = {
  name: "ctrl-exec-agent",
  summary: "run allowlisted scripts on this host for its control host",
  options: agentOptions,
  verbs: {
    serve: {
      summary: "Start the agent",
      runsLong: true,
      load: async () => (await import("./serve.ts")).serve,
    },
    reload: {
      summary: "Make the running agent reload, and say whether it did",
      load: async () => (await import("../reload-requests.ts")).reloadVerb("ctrl-exec-agent"),
    },
    "self-check": {
      summary: "Check configuration, allowlist and certificates, offline",
      load: async () => (await import("./self-check.ts")).selfCheck,
    },
    "self-ping": {
      summary: "Call the running agent over mTLS; see it enforce its policy",
      load: async () => (await import("./self-ping.ts")).selfPing,
    },
    "request-pairing": {
      summary: "Ask a control host for a certificate",
      load: async () => (await import("./request-pairing.ts")).requestPairing,
    },
    join: {
      summary: "Join a control host with a token, without an operator",
      load: async () => (await import("./join.ts")).join,
    },
    "pairing-status": {
      summary: "Say whether this agent is paired, and until when",
      load: async () => (await import("./pairing-status.ts")).pairingStatus,
    },
    "apply-upgrade": {
      summary: "Carry out the upgrade that the agent was sent, as root",
      load: async () => (await import("./apply-upgrade.ts")).applyUpgrade,
    },
    help: {
      summary: "Show the help of the program or of a mode",
      load: async () => (await import("../help-mode.ts")).helpMode(agentProgram),
    },
  },
};
