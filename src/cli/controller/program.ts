/** The command table of ctrl-exec. */
import type { Program } from "../command/command.ts";
import { controllerOptions } from "./options.ts";

export const controllerProgram: Program = {
  name: "ctrl-exec",
  summary: "run allowlisted scripts on a fleet, giving nobody a shell",
  options: controllerOptions,
  verbs: {
    run: {
      summary: "Run an allowlisted script on one or more hosts",
      takesScriptArgs: true,
      load: async () => (await import("./run.ts")).run,
    },
    ping: {
      summary: "Call hosts over mTLS; show certificate expiry and version",
      load: async () => (await import("./ping.ts")).ping,
    },
    discovery: {
      summary: "Ask hosts which scripts they may run",
      load: async () => (await import("./discovery.ts")).discovery,
    },
    "list-scripts": {
      summary: "The same as discovery",
      load: async () => (await import("./discovery.ts")).listScripts,
    },
    status: {
      summary: "Show a run's record: what is done and what still runs",
      load: async () => (await import("./status.ts")).status,
    },
    wait: {
      summary: "Wait until a run has ended on every host",
      load: async () => (await import("./wait.ts")).wait,
    },
    logs: {
      summary: "Show what the script of a run has printed",
      load: async () => (await import("./logs.ts")).logs,
    },
    cancel: {
      summary: "End a run on its hosts, with all that it has started",
      load: async () => (await import("./cancel.ts")).cancel,
    },
    pause: {
      summary: "Let no further batch of a rollout begin",
      load: async () => (await import("./pause.ts")).pause,
    },
    continue: {
      summary: "Let a paused rollout go on",
      load: async () => (await import("./pause.ts")).goOn,
    },
    "list-runs": {
      summary: "List the recorded runs, the newest first",
      load: async () => (await import("./list-runs.ts")).listRuns,
    },
    "list-agents": {
      summary: "List the registered hosts",
      load: async () => (await import("./list-agents.ts")).listAgents,
    },
    "list-groups": {
      summary: "List the groups of hosts that @@<group> can name",
      load: async () => (await import("./list-groups.ts")).listGroups,
    },
    upgrade: {
      summary: "Bring a signed release to hosts, a few at a time",
      load: async () => (await import("./upgrade.ts")).upgrade,
    },
    "pairing-mode": {
      summary: "Take pairing requests from new hosts, and decide on them",
      runsLong: true,
      load: async () => (await import("./pairing-mode.ts")).pairingMode,
    },
    "list-requests": {
      summary: "List the pairing requests that wait",
      load: async () => (await import("./list-requests.ts")).listRequests,
    },
    token: {
      summary: "Create, list and revoke tokens with which hosts join",
      load: async () => (await import("./join-token.ts")).joinToken,
    },
    approve: {
      summary: "Approve a pairing request",
      load: async () => (await import("./approve.ts")).approve,
    },
    deny: {
      summary: "Deny a pairing request",
      load: async () => (await import("./deny.ts")).deny,
    },
    "edit-agent": {
      summary: "Change how a registered host is called",
      load: async () => (await import("./edit-agent.ts")).editAgent,
    },
    tag: {
      summary: "Show and change the tags of registered hosts",
      load: async () => (await import("./tag.ts")).tag,
    },
    unpair: {
      summary: "Remove a host from the registry",
      load: async () => (await import("./unpair.ts")).unpair,
    },
    "rotate-cert": {
      summary: "Replace this host's certificate now, and tell the agents",
      load: async () => (await import("./rotate-cert.ts")).rotateCert,
    },
    "serial-status": {
      summary: "Show the control host's serials, and which agents know them",
      load: async () => (await import("./serial-status.ts")).serialStatus,
    },
    maintain: {
      summary: "Do the check loop's work once: rotation, renewals, clean-up",
      load: async () => (await import("./maintain.ts")).maintain,
    },
    doctor: {
      summary: "Check this control host, and say what to do",
      load: async () => (await import("./doctor.ts")).doctor,
    },
    "list-locks": {
      summary: "List the runs that hold locks now, and who started them",
      load: async () => (await import("./list-locks.ts")).listLocks,
    },
    "setup-ca": {
      summary: "Make the private CA, once",
      load: async () => (await import("./setup-ca.ts")).setupCa,
    },
    "setup-ctrl-exec": {
      summary: "Make this control host's own key and certificate",
      load: async () => (await import("./setup-ctrl-exec.ts")).setupCtrlExec,
    },
    asset: {
      summary: "Print a file that this program carries",
      load: async () => (await import("./asset.ts")).asset,
    },
    complete: {
      summary: "Print the completions of a word of a command line",
      hidden: true,
      load: async () => (await import("./complete.ts")).complete,
    },
    demo: {
      summary: "Show the whole system on this host, with nothing installed",
      load: async () => (await import("./demo.ts")).demo,
    },
    help: {
      summary: "Show the help of the program or of a mode",
      load: async () => (await import("../help-mode.ts")).helpMode(controllerProgram),
    },
  },
};
