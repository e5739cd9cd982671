/** Events of the HTTP API. */
import type { Entries } from "./entry.ts";

export const API_EVENTS = {
  "api-start": { level: "info", fields: ["bind", "port", "tls"], when: "the API listens" },
  "api-stop": { level: "info", fields: [], when: "the API has stopped" },
  "api-request": {
    level: "info",
    fields: ["len", "method", "path", "peer", "reqid", "status"],
    when: "each answer",
  },
  "api-request-unread": {
    action: "api-request",
    level: "warning",
    fields: ["len", "method", "path", "peer", "reqid", "status"],
    when: "what arrived was not a request: 400, 405, 408, 431, 503. METHOD and PATH are empty",
  },
  "api-error": {
    level: "err",
    fields: ["error"],
    maybe: ["reqid"],
    when: "the reason of each 500, and of a run that is refused because it cannot be recorded or because this host has run out of something",
  },
  "api-reload": { level: "info", fields: [], when: "SIGHUP was carried out" },
  "reload-fail": {
    level: "err",
    fields: ["error"],
    when: "a file with an error, named; the old state stays",
  },
  "tls-failure": {
    level: "warning",
    fields: ["peer", "reason"],
    when: "no handshake with the API",
  },
} as const satisfies Entries;
