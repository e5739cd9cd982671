/** Events of the agent. */
import type { Entries } from "./entry.ts";

export const AGENT_EVENTS = {
  start: {
    level: "info",
    fields: [],
    maybe: ["port"],
    when: "it can be called: it listens on PORT, or with `listen = no` waits for calls through its hubs",
  },
  "hub-up": {
    level: "info",
    fields: ["hub"],
    when: "it is connected to a hub: it can be called through it",
  },
  "hub-down": {
    level: "warning",
    fields: ["hub", "reason"],
    maybe: ["count"],
    when: "it is not, or not any more; it tries again within 30 seconds. Once a minute for each reason",
  },
  ping: { level: "info", fields: ["peer", "reqid"], when: "it was asked" },
  "run-start": {
    level: "info",
    fields: ["peer", "reqid", "script"],
    when: "a script has started",
  },
  run: {
    level: "info",
    fields: ["exit", "peer", "reqid", "script"],
    maybe: ["took"],
    when: "a script has ended",
  },
  "run-problem": {
    action: "run",
    level: "warning",
    fields: ["error", "exit", "peer", "reqid", "script"],
    when: "a script could not be started (`cannot execute ...`), the agent cannot tell whether it ran (`cannot tell whether ...`), or its end is not known because the host went down, or the process that watched the script was killed",
  },
  "run-unkept": {
    level: "warning",
    fields: ["error", "reqid", "script"],
    when: "a script starts without a folder: if the agent ends, the run is lost to the control host. A detached run, to which nobody could come back, is refused instead (`deny`). Once for each ERROR",
  },
  "run-folder-fail": {
    level: "err",
    fields: ["error", "reqid", "script"],
    when: "what is kept of a run was removed, cut or made unreadable, or its disk is full or read-only: how it ended is still reported, as long as this agent runs; the missing output counts as dropped. Once for each run",
  },
  deny: {
    level: "warning",
    fields: ["peer", "reqid", "script"],
    maybe: ["reason"],
    when: "a script that is not in the allowlist (no REASON), or is refused",
  },
  cancel: {
    level: "info",
    fields: ["left", "peer", "reqid", "script", "user"],
    maybe: ["reason"],
    when: "everything that a script has started was ended on request, except LEFT processes; REASON is about one of them",
  },
  withdraw: {
    level: "info",
    fields: ["peer", "reqid"],
    when: "a control host withdrew a run that this agent does not know; the agent will never start it",
  },
  "withdraw-fail": {
    action: "withdraw",
    level: "err",
    fields: ["error", "peer", "reqid"],
    when: "the same, but the withdrawal cannot be stored for the next agent: the control host is promised nothing, and asks again",
  },
  "stdin-timeout": {
    level: "warning",
    fields: ["bytes", "reqid", "script"],
    when: "the script left its context unread",
  },
  capabilities: { level: "info", fields: ["peer", "scripts"], when: "discovery" },
  "capabilities-deny": {
    level: "warning",
    fields: ["peer", "reason"],
    maybe: ["peerSerial"],
    when: "discovery is refused",
  },
  "capabilities-no-serial": {
    level: "warning",
    fields: ["peer", "reason"],
    when: "discovery is refused: this agent knows no control host",
  },
  renew: {
    level: "info",
    fields: ["peer", "reqid"],
    when: "the agent has made the request for its next certificate",
  },
  "renew-fail": {
    action: "renew",
    level: "err",
    fields: ["error", "peer", "reqid"],
    when: "the agent cannot make such a request",
  },
  "renew-complete": {
    level: "info",
    fields: ["expiry", "peer", "reqid"],
    when: "its next certificate is stored",
  },
  "renew-complete-fail": {
    action: "renew-complete",
    level: "err",
    fields: ["error", "peer", "reqid"],
    when: "its next certificate is refused, or cannot be stored",
  },
  "new-identity": {
    level: "info",
    fields: ["expiry", "serial"],
    when: "the agent now shows the certificate that a pairing or renewal has stored",
  },
  "serial-reject": {
    level: "warning",
    fields: ["peer", "reqid"],
    maybe: ["reason"],
    when: "a certificate of the CA that is not the control host's; with REASON if it has a serial that this agent was told",
  },
  "self-ping": {
    level: "info",
    fields: ["peer"],
    maybe: ["count"],
    when: "`self-ping` called from this host with this agent's own certificate, and was refused, as it must be",
  },
  "revoked-cert": {
    level: "warning",
    fields: ["peer", "serial"],
    maybe: ["count"],
    when: "a revoked certificate",
  },
  "tls-failure": {
    level: "warning",
    fields: ["peer", "reason"],
    maybe: ["count"],
    when: "no handshake",
  },
  "ip-block": {
    level: "warning",
    fields: ["peer"],
    maybe: ["count"],
    when: "an address that is not in `allowed_ips`",
  },
  "rate-block": {
    level: "warning",
    fields: ["peer", "reason"],
    when: "once, when a block begins; REASON is `volume` or `probe`. A control host that has connected from PEER still can",
  },
  "rate-evict": {
    level: "warning",
    fields: ["count"],
    when: "the table of addresses was full",
  },
  "accept-fatal": {
    level: "err",
    fields: ["peer", "reason"],
    maybe: ["count"],
    when: "all connections are taken by the control host, or a fault while answering",
  },
  "hang-up": {
    level: "warning",
    fields: ["peer", "reason"],
    maybe: ["count", "reqid"],
    when: "the agent closed a connection without an answer: a request, or reading an answer, was too slow, a stranger made room for another connection, or the agent stops (REQID is the request that is left without an answer)",
  },
  "request-refused": {
    level: "warning",
    fields: ["peer", "reason"],
    maybe: ["count"],
    when: "what arrived is not a readable request: too long, too many headers, no length, cut or empty, a body that is not UTF-8",
  },
  "upgrade-begin": {
    level: "info",
    fields: ["peer", "release", "reqid", "user"],
    when: "the control host begins to send a signed release",
  },
  "upgrade-refuse": {
    level: "warning",
    fields: ["peer", "reason", "reqid"],
    when: "an upgrade is refused: the hook or the signature is against it, it is an older version, another one is under way, or it cannot be stored",
  },
  "upgrade-apply": {
    level: "info",
    fields: ["peer", "reqid"],
    when: "the release has come whole and was handed to root's part, `ctrl-exec-upgrade`",
  },
  upgrade: {
    level: "info",
    fields: ["from", "release", "reqid"],
    when: "the agent answers with the new version, which stays",
  },
  "upgrade-fail": {
    level: "err",
    fields: ["error", "from", "release", "reqid"],
    when: "root's part refused the release, and has changed nothing",
  },
  "upgrade-rollback": {
    level: "err",
    fields: ["error", "from", "release", "reqid"],
    when: "the agent did not answer with the new version in time: the old program was put back",
  },
  "pair-complete": { level: "info", fields: ["dispatcher", "status"], when: "paired" },
  "join-complete": {
    level: "info",
    fields: ["dispatcher", "token"],
    when: "this host has joined with a token",
  },
  "join-denied": {
    level: "warning",
    fields: ["dispatcher", "reason", "token"],
    when: "the control host does not let this host join",
  },
  "join-fail": {
    level: "err",
    fields: ["error"],
    when: "this host could not join, or not store what it was given",
  },
  "pair-denied": { level: "warning", fields: ["reason", "reqid"], when: "not paired" },
  "pair-timeout": {
    level: "warning",
    fields: ["reqid"],
    when: "not paired: nobody approved the request in time",
  },
  "pair-store-fail": {
    level: "warning",
    fields: ["error", "reqid"],
    when: "the approval cannot be stored yet; the agent tries for ten minutes",
  },
  "pair-fail": {
    level: "err",
    fields: ["error", "reqid"],
    when: "pairing ended with an error; REQID is empty when the request was never taken",
  },
  "revoked-serials-absent": {
    level: "info",
    fields: ["path", "reason"],
    when: "there is no revocation file",
  },
  "revoked-serials-missing": {
    action: "revoked-serials-absent",
    level: "err",
    fields: ["path", "reason"],
    when: "the revocation file that `agent.conf` names is missing",
  },
  "revoked-serials-bad": {
    level: "err",
    fields: ["error"],
    when: "the revocation file has changed, and the lines in ERROR are not serials; until they are, the serials that it listed before are refused as well",
  },
  reload: { level: "info", fields: ["scripts"], when: "SIGHUP was carried out" },
  "reload-fail": {
    level: "err",
    fields: ["error"],
    when: "a file with an error, named; the old state stays",
  },
} as const satisfies Entries;
