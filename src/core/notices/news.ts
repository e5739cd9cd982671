/** What there is to tell, kind by kind. Output, arguments, tokens and the texts of errors are not in it (T27, T35). */
export const NOTICE_KINDS = [
  "run-failed",
  "rollout-stopped",
  "upgrade-failed",
  "certificate-ends",
  "agent-stale",
  "lock-held",
  "join-refused",
] as const;

export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** What differs from kind to kind. Every text is one line, and bounded; a list has the first of `count`. */
export type NoticeNews =
  | {
      readonly kind: "run-failed";
      readonly reqid: string;
      readonly script: string;
      /** How many hosts failed. */
      readonly count: number;
      readonly hosts: readonly FailedHost[];
    }
  | {
      readonly kind: "rollout-stopped";
      readonly reqid: string;
      readonly script: string;
      readonly reason: string;
      /** How many hosts were not asked. */
      readonly not_asked: number;
    }
  | {
      readonly kind: "upgrade-failed";
      readonly reqid: string;
      /** Its version. */
      readonly release: string;
      /** How many hosts were started, and not upgraded. */
      readonly count: number;
      readonly hosts: readonly NotUpgraded[];
      /** Why it stopped; null if it did not. */
      readonly reason: string | null;
      readonly not_started: number;
    }
  | {
      readonly kind: "certificate-ends";
      /** That it is so no longer. */
      readonly over: boolean;
      /** They end within so many days; 0: they have ended. */
      readonly days: number;
      readonly count: number;
      readonly certificates: readonly EndingCertificate[];
    }
  | {
      readonly kind: "agent-stale";
      readonly over: boolean;
      readonly count: number;
      readonly hosts: readonly { readonly host: string }[];
    }
  | {
      readonly kind: "lock-held";
      readonly over: boolean;
      readonly count: number;
      readonly locks: readonly LongLock[];
    }
  | {
      readonly kind: "join-refused";
      readonly count: number;
      /** Of all of them, the most frequent first. */
      readonly reasons: readonly { readonly reason: string; readonly count: number }[];
      /** No two are alike. */
      readonly hosts: readonly RefusedHost[];
    };

export interface FailedHost {
  readonly host: string;
  /** Whether the script ran there, as in a run's result. */
  readonly state: string;
  /** The script's status; null where it has none. */
  readonly exit: number | null;
  /** Why the agent could not be asked, in one word; null where it was. */
  readonly fault: string | null;
}

export interface NotUpgraded {
  readonly host: string;
  /** As in the result of the upgrade: `rolled-back`, `refused`, `failed` or `unknown`. */
  readonly state: string;
}

export interface EndingCertificate {
  readonly of: "agent" | "control-host" | "ca" | "api";
  /** The agent; null for this host's own. */
  readonly host: string | null;
  /** ISO 8601, UTC. */
  readonly expires: string;
}

export interface LongLock {
  readonly host: string;
  readonly script: string;
  readonly reqid: string | null;
  /** ISO 8601, UTC. */
  readonly since: string;
}

export interface RefusedHost {
  /** What it calls itself; null if that is no name. Nobody has verified it. */
  readonly host: string | null;
  readonly ip: string;
  /** In one word, as CODE in the log. */
  readonly reason: string;
}
