/** Events of the control host, from the command line or the API. */
import type { Entries } from "./entry.ts";
import { NOTICE_EVENTS } from "./notices.ts";
import { PAIRING_EVENTS } from "./pairing.ts";

export const CONTROLLER_EVENTS = {
  "doctor-fix": {
    level: "info",
    fields: ["msg", "path"],
    when: "`doctor --fix` has done what MSG says",
  },
  dispatch: {
    level: "info",
    fields: ["hosts", "reqid", "script"],
    maybe: ["batch", "rollout"],
    when: "before a run fans out; BATCH if it was sent to other hosts before, as a rollout; ROLLOUT if it is the check of one",
  },
  "dry-run": {
    level: "info",
    fields: ["hosts", "reqid", "script", "user"],
    when: "somebody whom the hook allows was told what a run would do; no host was asked",
  },
  run: {
    level: "info",
    fields: ["exit", "host", "reqid", "script", "target"],
    maybe: ["dropped", "rtt"],
    when: "a host answered",
  },
  "run-fail": {
    action: "run",
    level: "err",
    fields: ["error", "host", "reqid", "script", "state", "target"],
    maybe: ["dropped", "fault", "rtt"],
    when: "a host failed; FAULT if it could not be asked",
  },
  "rollout-stop": {
    level: "warning",
    fields: ["count", "reason", "reqid", "script"],
    when: "a rollout stopped; COUNT hosts were not asked",
  },
  "rollout-pause": {
    level: "info",
    fields: ["reqid", "user"],
    when: "somebody paused a rollout: no batch begins",
  },
  "rollout-continue": {
    level: "info",
    fields: ["reqid", "user"],
    when: "somebody let a paused rollout go on",
  },
  "rollout-resume": {
    level: "info",
    fields: ["reqid", "script", "user"],
    when: "somebody resumed a rollout that had stopped",
  },
  "rollout-take": {
    level: "info",
    fields: ["reqid", "user"],
    when: "`ctrl-exec-api` goes on with a detached rollout, which USER began",
  },
  "rollout-fail": {
    level: "err",
    fields: ["error", "reqid"],
    when: "`ctrl-exec-api` cannot go on with a detached rollout, or with any if REQID is empty",
  },
  cancel: {
    level: "info",
    fields: ["count", "reqid", "status", "target", "user"],
    when: "a host was asked to end a run; COUNT processes could not be ended",
  },
  "cancel-fail": {
    action: "cancel",
    level: "err",
    fields: ["error", "reqid", "target", "user"],
    when: "a host could not be asked, or cannot cancel",
  },
  "upgrade-begin": {
    level: "info",
    fields: ["hosts", "release", "reqid", "user"],
    when: "`upgrade` begins to bring a release to hosts",
  },
  upgrade: {
    level: "info",
    fields: ["from", "host", "release", "reqid", "target"],
    when: "a host has the version; FROM is the same if it had it before",
  },
  "upgrade-fail": {
    level: "err",
    fields: ["error", "host", "release", "reqid", "status", "target"],
    when: "a host was not upgraded; STATUS is `rolled-back`, `refused`, `failed`, or `unknown` if its end is not known",
  },
  "upgrade-stop": {
    level: "warning",
    fields: ["count", "reason", "release", "reqid"],
    when: "an upgrade stopped; COUNT hosts were not started",
  },
  ping: {
    level: "info",
    fields: ["reqid", "result", "status", "target"],
    maybe: ["peer", "rtt"],
    when: "a host answered; PEER is its address, RESULT and STATUS are `ok`",
  },
  "ping-fail": {
    action: "ping",
    level: "err",
    fields: ["error", "reqid", "status", "target"],
    maybe: ["fault", "peer", "rtt"],
    when: "a host failed, STATUS is `error`; PEER if the address that was called is known",
  },
  capabilities: {
    level: "info",
    fields: ["scripts", "target"],
    maybe: ["rtt"],
    when: "a host answered discovery",
  },
  "capabilities-fail": {
    action: "capabilities",
    level: "err",
    fields: ["error", "target"],
    maybe: ["fault", "rtt"],
    when: "a host did not answer discovery",
  },
  "lock-acquire": { level: "info", fields: ["host", "script"], when: "before a run" },
  "lock-release": { level: "info", fields: ["hosts", "script"], when: "after it" },
  "lock-conflict": {
    level: "warning",
    fields: ["conflicts"],
    when: "the script runs there already",
  },
  "run-store-fail": {
    level: "warning",
    fields: ["error", "reqid"],
    when: "a run record could not be written, or only part of it",
  },
  "run-purge": {
    level: "warning",
    fields: ["count", "reason"],
    when: "COUNT records were removed early, because of `run_records_max`",
  },
  "run-purge-fail": {
    level: "warning",
    fields: ["error"],
    when: "the folder of the records cannot be searched",
  },
  "run-index-fail": {
    level: "warning",
    fields: ["error", "path"],
    when: "the index of the run records cannot be used or built; a list is built from the records",
  },
  "group-command-fail": {
    level: "err",
    fields: ["error", "path"],
    when: "`group_command` did not print groups of hosts; requests that need it are refused",
  },
  "learn-fail": {
    level: "warning",
    fields: ["error", "path"],
    when: "what the hosts have reported cannot be stored or read; if the file is damaged, a new one replaces it",
  },
  "count-fail": {
    level: "warning",
    fields: ["error", "path"],
    when: "what was counted for metrics cannot be stored or read; if the file is damaged, counting begins again",
  },
  ...NOTICE_EVENTS,
  ...PAIRING_EVENTS,
  unpair: { level: "info", fields: ["agent", "expiry"], when: "a host was removed" },
  revoke: {
    level: "info",
    fields: ["agent", "serials"],
    when: "its certificates are no longer accepted",
  },
  "edit-agent": {
    level: "info",
    fields: ["agent"],
    maybe: ["ip", "lookupBy", "port"],
    when: "the address or port of a host was changed; as they are now",
  },
  tag: {
    level: "info",
    fields: ["agent"],
    maybe: ["removed", "tags"],
    when: "this control host's own tags of a host were changed: TAGS were set, REMOVED were removed",
  },
  "setup-ca": { level: "info", fields: ["fingerprint"], when: "a CA was made" },
  "setup-ctrl-exec": {
    level: "info",
    fields: ["serial"],
    when: "this host got a new key and certificate",
  },
  renew: {
    level: "info",
    fields: ["reqid", "status", "target"],
    when: "the renewal of an agent's certificate begins; STATUS is `starting`",
  },
  "renew-fail": {
    action: "renew",
    level: "err",
    fields: ["error", "reqid", "target"],
    when: "it failed before the agent was given the certificate",
  },
  "renew-complete": {
    level: "info",
    fields: ["expiry", "reqid", "target"],
    when: "the agent has its new certificate",
  },
  "renew-complete-fail": {
    action: "renew-complete",
    level: "err",
    fields: ["error", "reqid", "target"],
    when: "it failed when the agent was given the certificate",
  },
  "cert-check": {
    level: "info",
    fields: ["daysLeft", "threshold"],
    when: "maintenance looked at the certificate",
  },
  "cert-renewal-start": { level: "info", fields: ["daysLeft"], when: "rotation begins" },
  "cert-rotated": {
    level: "info",
    fields: ["agents", "newSerial", "oldSerial"],
    maybe: ["overlapExpires"],
    when: "this host has a new certificate",
  },
  "cert-rotation-fail": {
    level: "err",
    fields: ["error"],
    when: "rotation failed; the old certificate stays",
  },
  "cert-mended": {
    level: "warning",
    fields: ["notAfter", "notBefore", "path", "serial"],
    when: "a certificate of this host was not valid now, and was signed again under its serial",
  },
  "cert-replaced": {
    level: "warning",
    fields: ["replacedBy", "serial"],
    when: "this host's certificate SERIAL had been replaced by REPLACED_BY, and was put back",
  },
  "rotation-state-corrupt": {
    level: "err",
    fields: ["error", "path", "reason"],
    when: "`rotation.json` cannot be read",
  },
  "serial-broadcast": {
    level: "info",
    fields: ["hosts", "serial"],
    when: "hosts are told the new serial",
  },
  "serial-confirmed": { level: "info", fields: ["agent"], when: "a host knows the new serial" },
  "serial-broadcast-fail": {
    level: "warning",
    fields: ["agent", "error"],
    when: "a host missed it",
  },
  "serial-stale": {
    level: "warning",
    fields: ["agent", "reason"],
    when: "a host missed it for too long",
  },
  "clock-differs": {
    level: "warning",
    fields: ["agent", "offset"],
    when: "an agent's clock differs from this host's by a minute or more. Logged when that begins, and each hour",
  },
  "clock-refuse": {
    level: "err",
    fields: ["differ", "hosts", "seen", "task"],
    maybe: ["offset"],
    when: "DIFFER of the SEEN hosts disagree with this host's clock: TASK was not done",
  },
  "maintain-fail": {
    level: "err",
    fields: ["error", "task"],
    when: "a part of the maintenance failed; the others went on",
  },
} as const satisfies Entries;
