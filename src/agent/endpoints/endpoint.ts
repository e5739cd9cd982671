/** What every endpoint of the agent takes and returns. */
import type { AgentLog } from "../../core/events.ts";
import type { QuietLog } from "../../core/quiet-log.ts";
import type { RunEvent } from "../../core/run-event.ts";
import type { CertificateIdentity } from "../../pki/certificate.ts";
import type { Jobs } from "../jobs/job.ts";
import type { RunningScripts } from "../scripts/running-scripts.ts";
import type { AgentState } from "../state/state.ts";
import type { UpgradeInbox } from "../upgrade/inbox.ts";

/** A caller whose certificate this CA signed and which is not revoked. */
export interface Caller {
  /** Its address; through a hub, what the hub says. */
  readonly ip: string;
  /** The hub through which it came; undefined if it called directly. */
  readonly hub?: string | undefined;
  readonly certificate: CertificateIdentity;
  /** It calls from this host itself, which nobody can show through a hub. */
  readonly local: boolean;
}

export interface AgentRequest {
  /** The caller's address, IPv4-mapped addresses as IPv4. */
  readonly peerIp: string;
  /** The body as received; each endpoint says what it must be. */
  readonly body: string;
}

export type AgentReply = JsonReply | StreamReply;

interface Reply {
  /** Called when it has been sent, or cannot be. */
  readonly letGo?: () => void;
}

export interface JsonReply extends Reply {
  readonly status: number;
  /** Becomes JSON; a member that is undefined is left out. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** A run's stream (docs/PROTOCOL.md, section 9). */
export interface StreamReply extends Reply {
  readonly status: 200;
  /** From `begin` to `end`; without `end` if the signal ends it early. */
  readonly events: (signal: AbortSignal) => AsyncIterable<RunEvent>;
}

export interface AgentContext {
  readonly state: AgentState;
  readonly log: AgentLog;
  /** For log lines that refused callers could cause in any number. */
  readonly quiet: QuietLog;
  readonly now: () => Date;
  readonly running: RunningScripts;
  readonly jobs: Jobs;
  readonly inbox: UpgradeInbox;
  /** The hub through which the request came: what is logged of it says so. */
  readonly hub?: string;
}

export function refusal(status: number, error: string): JsonReply {
  return { status, body: { error } };
}

export type Endpoint = (context: AgentContext, request: AgentRequest) => Promise<AgentReply>;

/** The body as JSON; undefined when it is not. */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The request id for the log, from a body that may be anything. */
export function requestIdIn(body: string): string {
  return /"reqid"\s*:\s*"([0-9a-f]{1,32})"/.exec(body)?.[1] ?? "";
}
