/** Events that all programs write. */
import type { Entries } from "./entry.ts";

export const COMMON_EVENTS = {
  "auth-pass": {
    action: "auth",
    level: "info",
    fields: ["authaction", "ip", "result", "user"],
    maybe: ["hook", "host", "origin", "reason", "reqid"],
    when: "the request is allowed. RESULT is `pass`",
  },
  "auth-deny": {
    action: "auth",
    level: "warning",
    fields: ["authaction", "ip", "reason", "result", "user"],
    maybe: ["hook", "host", "origin", "reqid"],
    when: "the request is refused; HOST is the name that `api_hosts` lacks. RESULT is `deny`",
  },
  "auth-error": {
    action: "auth",
    level: "err",
    fields: ["authaction", "ip", "reason", "result", "user"],
    maybe: ["hook", "host", "msg", "origin", "reqid"],
    when: "the hook failed, so the request is refused; MSG says why the hook is not trusted or could not start. RESULT is `error`",
  },
  "config-warn": {
    level: "warning",
    fields: ["msg"],
    maybe: ["entry", "key"],
    when: "a key or a line of `scripts.conf` is ignored or followed only in part, or others can write one of these files",
  },
  "metrics-start": {
    level: "info",
    fields: ["bind", "port"],
    when: "it serves metrics on `metrics_bind`",
  },
  "log-lost": {
    level: "warning",
    fields: ["count"],
    when: "COUNT lines before this one were lost, because nobody read them",
  },
} as const satisfies Entries;
