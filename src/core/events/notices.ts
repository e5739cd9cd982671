/** Events about sending notices to their receivers (notify.d). */
import type { Entries } from "./entry.ts";

export const NOTICE_EVENTS = {
  notice: {
    level: "info",
    fields: ["kind", "notice", "receiver"],
    when: "a receiver of `notify.d` has taken a notice",
  },
  "notice-fail": {
    level: "warning",
    fields: ["error", "receiver"],
    maybe: ["kind", "notice"],
    when: "a receiver has not taken a notice, which is tried again; the first time of several, and whenever the error is another",
  },
  "notice-drop": {
    level: "warning",
    fields: ["count", "reason", "receiver"],
    when: "COUNT notices for a receiver are given up",
  },
  "notice-look-fail": {
    level: "warning",
    fields: ["error"],
    maybe: ["kind"],
    when: "whether there is anything to tell of the kind KIND, or of this host and its fleet at all, cannot be found out; it is tried again",
  },
} as const satisfies Entries;
