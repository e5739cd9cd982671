/** Events of a hub. */
import type { Entries } from "./entry.ts";

export const HUB_EVENTS = {
  "hub-start": {
    level: "info",
    fields: ["bind", "fingerprint", "port"],
    when: "the hub listens; FINGERPRINT is that of its certificate",
  },
  "hub-agent": {
    level: "info",
    fields: ["agent", "peer"],
    when: "an agent has connected to this hub",
  },
  "hub-agent-gone": {
    level: "info",
    fields: ["agent", "peer", "reason"],
    when: "its connection is closed",
  },
  "hub-call": {
    level: "info",
    fields: ["agent", "peer"],
    when: "a control host calls an agent through this hub",
  },
  "hub-refuse": {
    level: "warning",
    fields: ["peer", "reason"],
    maybe: ["count"],
    when: "somebody at the hub's port is neither an agent nor a control host of this CA, is revoked, has a ticket that opens nothing, or there is no room",
  },
} as const satisfies Entries;
