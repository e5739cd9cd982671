/** Events of the pairing port, of its queue, and of join tokens. */
import type { Entries } from "./entry.ts";

export const PAIRING_EVENTS = {
  "pairing-mode-start": {
    level: "info",
    fields: ["port"],
    when: "pairing-mode, or ctrl-exec-api with `join = on`, takes requests from now on",
  },
  "pairing-mode-stop": { level: "info", fields: [], when: "it takes none any more" },
  "pairing-port-fail": {
    level: "err",
    fields: ["error"],
    when: "`ctrl-exec-api` cannot hold the pairing port, as `join = on` asks; it tries every few seconds",
  },
  "pair-request": {
    level: "info",
    fields: ["agent", "codeCovers", "ip", "reqid", "status"],
    when: "a host asks",
  },
  "pair-code-limit": {
    level: "warning",
    fields: ["agent", "ip", "reqid"],
    when: "too many exchanges were abandoned under this name, by this address or in all: the code covers the request alone",
  },
  "pair-reject": {
    level: "info",
    fields: ["ip", "reason"],
    when: "the queue is full, the request is malformed, or its value for the code was wrong or did not come",
  },
  "pair-reject-flood": {
    action: "pair-reject",
    level: "warning",
    fields: ["ip", "reason"],
    when: "somebody kept sending",
  },
  "pair-reject-fault": {
    action: "pair-reject",
    level: "err",
    fields: ["ip", "reason"],
    when: "a fault while answering",
  },
  "pair-evict": {
    level: "warning",
    fields: ["agent", "ip", "reqid"],
    when: "a request was pushed out of the full queue by a newer one",
  },
  "pair-answer-fail": {
    level: "err",
    fields: ["error", "reqid"],
    when: "a decision cannot be read yet; reading is tried again until it can be",
  },
  "token-create": {
    level: "info",
    fields: ["count", "expiry", "token"],
    maybe: ["rules", "tags", "user"],
    when: "a join token was made, with which COUNT hosts may join; USER if the API was asked, RULES if there are any",
  },
  "token-refuse": {
    level: "warning",
    fields: ["reason"],
    maybe: ["user"],
    when: "no join token was made, because no rule of `join.d` allows it; USER if the API was asked",
  },
  "token-revoke": {
    level: "info",
    fields: ["token"],
    maybe: ["user"],
    when: "no host can join with the token any more; USER if the API was asked",
  },
  join: {
    level: "info",
    fields: ["agent", "ip", "reqid", "token"],
    maybe: ["lost", "reason", "rule"],
    when: "a host has joined with a token; LOST has tags that a host has lost whose name it has taken over; REASON says why, if its name was registered before or its join was repeated, and RULE which rule of `join.d` allowed it, if there are any",
  },
  "join-refuse": {
    level: "warning",
    fields: ["code", "ip", "reason"],
    maybe: ["agent", "token"],
    when: "a host may not join; AGENT and TOKEN are its own claims, which nobody has verified",
  },
  "pair-approve": { level: "info", fields: ["agent", "reqid"], when: "the operator approved" },
  "pair-deny": { level: "info", fields: ["agent", "reqid"], when: "the operator denied" },
} as const satisfies Entries;
